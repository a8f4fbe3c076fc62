"""All figures of an evaluation as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vfi.measure import (
    CONFIDENCE,
    RESAMPLES,
    SEED,
    Comparison,
    Contest,
    Interval,
    Item,
    Sample,
    Scores,
    figures_of,
    find_best,
    find_bin,
    find_quick,
    num_drawn,
    rank,
    subsets_of,
    summarise,
)
from vfi.write import write_whole

from .material import CLIPS, Material


def write_report(
    path: Path,
    source: Path,
    material: Material,
    contest: Contest,
    comparison: Comparison | None,
) -> None:
    """Write all figures.

    Raises:
        InputError: they cannot be written.
    """
    where = (
        _clip(source, material.sample) if material.sample else _folder(source, material, contest)
    )
    count, kind = num_drawn([item.clip for item in contest.items])
    report = {
        **where,
        "best": str(find_best(contest.scores).setting),
        "fastest_within_0.1_dB": str(find_quick(contest.scores).setting),
        "intervals": {
            "confidence": CONFIDENCE,
            "resamples": RESAMPLES,
            "seed": SEED,
            "drawn": kind,
            "count": count,
        },
        "triplets": [_item(item, has_time=material.layout == CLIPS) for item in contest.items],
        "results": [_result(each, contest.items) for each in rank(contest.scores)],
        "compare": None if comparison is None else _comparison(comparison),
    }
    write_whole(path, json.dumps(report, indent=2).encode())


def _clip(source: Path, sample: Sample) -> dict[str, Any]:
    return {
        "clip": str(source),
        "frames": [triplet.number for triplet in sample.triplets],
        "times": [float(triplet.time) for triplet in sample.triplets],
        "places": sample.num_seen,
        "without_motion": sample.num_still,
        "across_cuts": sample.num_at_cuts,
    }


def _folder(source: Path, material: Material, contest: Contest) -> dict[str, Any]:
    left_out = [
        *material.left_out,
        *((str(group), error) for group, error in contest.left_out),
    ]
    return {
        "folder": str(source),
        "layout": material.layout,
        "left_out": [{"clip": name, "reason": str(error)} for name, error in left_out],
    }


def _item(item: Item, *, has_time: bool) -> dict[str, Any]:
    return {
        "clip": item.clip,
        "category": item.category,
        "number": item.number,
        **({"time": float(item.time)} if has_time else {}),
        "timestep": item.timestep,
        "motion": item.motion,
        "bin": find_bin(item.motion),
    }


def _result(scores: Scores, items: Sequence[Item]) -> dict[str, Any]:
    keys = [figure.key for figure in figures_of(scores)]
    whole, *parts = [(subset, summarise(scores, items, subset)) for subset in subsets_of(items)]
    means = {key: interval.mean for key, interval in whole[1].items()}
    return {
        **scores.setting._asdict(),
        **means,
        "seconds": scores.seconds,
        "intervals": _intervals(whole[1]),
        "parts": [
            {"kind": subset.kind, "name": subset.name, "intervals": _intervals(found)}
            for subset, found in parts
        ],
        "clips": _clips(scores, items, keys),
        "frames": [
            {key: getattr(score, key) for key in (*keys, "seconds")} for score in scores.each
        ],
    }


def _clips(scores: Scores, items: Sequence[Item], keys: Sequence[str]) -> list[dict[str, Any]]:
    """Give the means of each clip, apart by category."""
    found: dict[tuple[str, str], list[int]] = {}
    for index, item in enumerate(items):
        found.setdefault((item.clip, item.category), []).append(index)
    return [
        {
            "clip": clip,
            "category": category,
            "frames": len(indices),
            **{
                key: sum(getattr(scores.each[i], key) for i in indices) / len(indices)
                for key in keys
            },
        }
        for (clip, category), indices in found.items()
    ]


def _intervals(found: Mapping[str, Interval]) -> dict[str, Any]:
    return {key: interval._asdict() for key, interval in found.items()}


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "a": str(comparison.first),
        "b": str(comparison.second),
        "parts": [
            {
                "kind": subset.kind,
                "name": subset.name,
                "differences": {
                    each.figure.key: {
                        **each.interval._asdict(),
                        "b_is": each.verdict.value,
                        "ahead": each.num_ahead,
                        "of": each.num_all,
                    }
                    for each in differences
                },
            }
            for subset, differences in comparison.parts
        ],
    }
