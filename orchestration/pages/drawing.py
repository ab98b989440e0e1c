"""Pictures as SVG. What is drawn page after page is compiled once and then filled with data.

Building a chart and compiling it cost more than drawing it; a portfolio has a hundred pages.
What a picture shows does not belong here.
"""

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import altair as alt

Data = Mapping[str, Sequence[Mapping[str, object]]]
Shape = TypeVar("Shape", bound=Hashable)


def svg_of(chart: "alt.TopLevelMixin") -> str:
    """Draw a chart that holds its data."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(chart.to_json(validate=False)))


def svg_filled(chart_of: Callable[[Shape], "alt.TopLevelMixin"], shape: Shape, data: Data) -> str:
    """Draw `chart_of(shape)`, whose charts name their data, filled with `data` by those names.

    Raises KeyError for data that no chart of this shape names.
    """
    import vl_convert

    vega = json.loads(_compiled(chart_of, shape))
    sources = {source["name"]: source for source in vega["data"]}
    for name, rows in data.items():
        sources[name]["values"] = list(rows)
    return str(vl_convert.vega_to_svg(json.dumps(vega)))


@lru_cache(maxsize=128)
def _compiled(chart_of: Callable[[Shape], "alt.TopLevelMixin"], shape: Shape) -> str:
    import vl_convert

    return json.dumps(vl_convert.vegalite_to_vega(chart_of(shape).to_json(validate=False)))
