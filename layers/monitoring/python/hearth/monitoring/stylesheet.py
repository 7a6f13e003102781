"""How the report page looks, and the policy that lets nothing but that in.

Two sets of colours with the same names; tests hold their contrast. The rules name no resource.
"""

from __future__ import annotations

import base64
import hashlib

LIGHT = {
    "paper": "#ffffff",
    "ink": "#16191d",
    "muted": "#545c66",
    "rule": "#cfd4da",
    "bar": "#5f86b3",
    "outline": "#16191d",
    "link": "#0b57a4",
    "bad": "#a81616",
    "good": "#17663a",
    "open": "#6b5300",
    "share1": "#e6edf5",
    "share2": "#cfdeee",
    "share3": "#b5cde6",
    "share4": "#98bbde",
}
DARK = {
    "paper": "#14171a",
    "ink": "#e8eaed",
    "muted": "#a6aeb8",
    "rule": "#3b424a",
    "bar": "#5a83b5",
    "outline": "#e8eaed",
    "link": "#86b7ee",
    "bad": "#ff8a80",
    "good": "#74cf98",
    "open": "#e0bd55",
    "share1": "#1f2a36",
    "share2": "#243748",
    "share3": "#29445e",
    "share4": "#2f5374",
}

_RULES = """
*{box-sizing:border-box}
html{font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;\
-webkit-text-size-adjust:100%;background:var(--paper);color:var(--ink);scroll-padding-top:1rem}
body{margin:0 auto;max-width:76rem;padding:1.25rem clamp(.75rem,3vw,2rem) 3rem;\
overflow-wrap:anywhere}
h1,h2,h3,h4,p,ol,ul,dl,figure{margin:0}
h1{font-size:1.75rem;line-height:1.2;font-weight:600;letter-spacing:-.01em}
h2{font-size:1.25rem;line-height:1.3;font-weight:600}
h3{font-size:1rem;font-weight:600;display:flex;flex-wrap:wrap;gap:.25rem .75rem;\
align-items:baseline}
h4{font-size:.95rem;font-weight:600}
a{color:var(--link)}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{\
outline:2px solid var(--link);outline-offset:2px}
p{max-width:70ch}
.under,.legend,.left-out,figcaption,small,.axis,.apart,caption{color:var(--muted);font-size:.87rem}
header,section,.part,.version,.card,footer{display:grid;gap:.65rem;grid-template-columns:minmax(0,1fr)}
header{padding-bottom:1rem}
.reasons{display:grid;gap:.3rem;font-size:1.05rem}
.reasons ol{padding-left:1.6rem;display:grid;gap:.2rem}
li{max-width:80ch}
nav ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1.1rem}
main{display:grid;gap:2.25rem;grid-template-columns:minmax(0,1fr)}
section{border-top:2px solid var(--ink);padding-top:.8rem}
.version,.parts{gap:1.6rem}
.parts{display:grid;grid-template-columns:minmax(0,1fr)}
.version>.under{margin-top:-1.5rem}
.part+.part{border-top:1px solid var(--rule);padding-top:1rem}
.part>div:not(.cards){display:grid;gap:.4rem;grid-template-columns:minmax(0,1fr)}
.part>div>h4{margin-top:.6rem}
.part ul{padding-left:1.2rem}
.notes{padding-left:1.2rem}
.notice{border-left:3px solid var(--open);padding-left:.75rem}
.mark{width:1em;height:1em;vertical-align:-.12em;flex:none}
.mark *{fill:currentColor}
.mark .cut{fill:none;stroke:var(--paper);stroke-width:1.8}
.mark .open{fill:none;stroke:currentColor;stroke-width:1.8;stroke-dasharray:3 1.6}
.bad.mark,.badge.bad{color:var(--bad)}
.good.mark,.badge.good{color:var(--good)}
.open.mark,.badge.open{color:var(--open)}
.badge{white-space:nowrap;font-weight:600;font-size:.93rem}
.none{color:var(--muted)}
.scroll{overflow-x:auto;max-width:100%}
.scroll:has(>table){width:fit-content}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
caption{text-align:left;position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{padding:.22rem .9rem .22rem 0;text-align:left;vertical-align:baseline;\
border-bottom:1px solid var(--rule)}
thead th{font-weight:600;color:var(--muted);vertical-align:bottom}
tbody th{font-weight:400;min-width:6.5rem;max-width:22rem}
td,thead th{white-space:nowrap;overflow-wrap:normal}
td.words{white-space:normal;overflow-wrap:anywhere;min-width:14rem;max-width:46rem}
td:last-child,th:last-child{padding-right:.2rem}
th small{display:block}
dl{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;font-size:.9rem}
dt{color:var(--muted);font-size:.87rem}
dd{margin:0;font-variant-numeric:tabular-nums}
details>summary{cursor:pointer;width:fit-content;padding:.1rem 0;font-weight:600;font-size:.93rem}
details[open]>summary{margin-bottom:.4rem}
svg{overflow:visible}
svg path,svg circle{vector-effect:non-scaling-stroke}
.bar{fill:var(--bar);stroke:none}
.bad.bar{fill:var(--paper);stroke:var(--ink);stroke-width:1;stroke-dasharray:2 2}
.outline{fill:none;stroke:var(--outline);stroke-width:1.5;stroke-linejoin:miter}
.line{fill:none;stroke:var(--ink);stroke-width:1.6}
.line.p99{stroke-dasharray:5 3}
.tick{fill:none;stroke:var(--ink);stroke-width:1.5;stroke-dasharray:2 2}
svg .axis{fill:none;stroke:var(--muted);stroke-width:1}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,25rem),1fr));gap:1rem}
.cards:empty{display:none}
.card{border:1px solid var(--rule);padding:.8rem .9rem;align-content:start}
.card h4 span{color:var(--muted);font-weight:400;font-size:.87rem;padding-left:.5rem}
.card h4 .mark{color:var(--bad)}
.histogram,.hours{display:block;width:100%;border-bottom:1px solid var(--muted);margin-top:.5rem}
.histogram{height:6.5rem}
td .histogram{width:8rem;height:1.7rem;margin:0}
.hours{height:5rem}
.part>div.pair-of-charts{display:grid;gap:1rem 2rem;\
grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr))}
.pair-of-charts figcaption{min-height:2.8em}
div.axis{display:flex;justify-content:space-between;gap:1rem;font-variant-numeric:tabular-nums}
div.axis span:last-child{text-align:right}
.pair{display:block;width:100%;min-width:3rem;height:.8rem}
.gauge{width:5rem;height:.7rem;border:1px solid var(--rule)}
.whisker circle,.calibration circle{fill:var(--ink)}
.whisker{width:7.5rem;height:1rem;vertical-align:-.15rem}
.calibration{width:15rem;height:15rem;display:block;margin-top:.4rem}
.calibrated .axis{width:15rem}
.key{width:1.5rem;height:.75rem;vertical-align:-.05rem}
.bins{width:100%}
.bins th,.bins td{padding:.1rem .6rem .1rem 0}
.bins td:nth-child(2){width:50%}
.bins tbody th{min-width:4rem;max-width:11rem}
.matrix td{padding:.1rem;text-align:right;min-width:2.6rem}
.matrix td span{display:block;padding:.1rem .35rem}
.matrix th{padding-right:.5rem}
.matrix thead th:not(:first-child){text-align:right}
.matrix tbody th{min-width:3rem}
.right{outline:1.5px solid var(--ink);outline-offset:-1.5px}
.share1{background:var(--share1)}.share2{background:var(--share2)}
.share3{background:var(--share3)}.share4{background:var(--share4)}
footer{margin-top:2.5rem;border-top:1px solid var(--rule);padding-top:.8rem}
.scroll tbody th{position:sticky;left:0;background:var(--paper)}
@media (max-width:30rem){.scroll tbody th{max-width:38vw}\
html{font-size:14px}h1{font-size:1.45rem}th,td{padding-right:.7rem}}
@media print{body{max-width:none;padding:0}.scroll{overflow:visible}nav{display:none}\
.card,figure,tr{break-inside:avoid}h2,h3,h4{break-after:avoid}\
details::details-content{content-visibility:visible;display:block;height:auto}}
"""


def _colours(colours: dict[str, str]) -> str:
    return ";".join(f"--{name}:{value}" for name, value in colours.items())


def style(more: str = "") -> str:
    """Return the style sheet of a page, with rules that it alone needs at the end."""
    return (
        f":root{{color-scheme:light dark;{_colours(LIGHT)}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{_colours(DARK)}}}}}"
        f"{_RULES}{more}"
    )


def policy(sheet: str) -> str:
    """Return the policy that lets in this one style sheet, by its hash, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


STYLE = style()
POLICY = policy(STYLE)
