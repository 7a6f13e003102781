"""What the page of a search needs beside what all pages have, and the policy that lets it in."""

from __future__ import annotations

from hearth.monitoring.stylesheet import policy, style

_RULES = """
.forest{width:11rem;height:1.1rem;vertical-align:-.2rem}
.forest circle{fill:var(--ink)}
.forest.worse circle{fill:var(--paper);stroke:var(--ink);stroke-width:1.5}
.scale{width:11rem;height:1.17rem;display:block}
.noise{fill:var(--share3)}
svg text{font-size:13px;fill:var(--muted);font-variant-numeric:tabular-nums}
.front text{font-size:14px}
svg text.strong{fill:var(--ink);font-weight:600}
svg text.middle{text-anchor:middle}
svg text.end{text-anchor:end}
.front{width:24rem;max-width:100%;display:block;margin-top:.4rem}
.front .grid{stroke:var(--rule);stroke-width:1;fill:none}
svg .guide{fill:none;stroke:var(--muted);stroke-width:1;stroke-dasharray:3 3}
svg .on{fill:var(--bar)}
svg .off{fill:var(--paper);stroke:var(--bar);stroke-width:1.6}
svg .chosen,svg .original{fill:var(--ink)}
svg .ring{fill:none;stroke:var(--ink);stroke-width:1.4}
svg .wrong{fill:none;stroke:var(--bad);stroke-width:1.8}
.front .line.was{stroke:var(--muted);stroke-dasharray:5 3}
.fronts{display:grid;gap:1.4rem 2rem;\
grid-template-columns:repeat(auto-fit,minmax(min(100%,21rem),1fr))}
figcaption strong{color:var(--ink);font-weight:600}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;max-width:none}
.spot{width:1.1rem;height:.9rem;vertical-align:-.1rem}
.progress{height:.7rem;width:24rem;max-width:100%;border:1px solid var(--rule)}
td small,th small{display:block;white-space:nowrap}
.unfit{color:var(--muted)}
.candidates details{border-top:1px solid var(--rule);padding:.45rem 0}
.candidates details:last-child{border-bottom:1px solid var(--rule)}
.candidates summary{font-weight:400;width:auto}
.candidates summary .badge{padding-left:.5rem}
.inside{display:grid;gap:.7rem;padding:.2rem 0 .6rem;grid-template-columns:minmax(0,1fr)}
.candidates tbody th{min-width:9.5rem}
.candidates td.words{min-width:11rem}
.candidates th,.candidates td{padding-right:.75rem}
.drawn{display:grid;gap:.7rem;margin:.6rem 0 .3rem;grid-template-columns:minmax(0,1fr)}
.pairs{display:grid;gap:1rem 2rem;grid-template-columns:minmax(0,1fr)}
@media (max-width:30rem){.candidates td.words{min-width:20rem}}
@media (min-width:68rem){.pairs{grid-template-columns:25rem minmax(0,1fr)}}
"""

STYLE = style(_RULES)
POLICY = policy(STYLE)
"""The page's own policy: its one style sheet by its hash, and nothing else."""
