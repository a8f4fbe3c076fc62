"""The result in words: a table, and which entrant to take."""

from __future__ import annotations

from collections.abc import Sequence

from .contest import BLEND, Scores
from .sample import Sample, Survey

ENOUGH = 0.1  # dB; less is hard to see, even one picture after the other
_QUICK = f"fastest within {ENOUGH:g} dB"
_LEAST_SECONDS = 1e-6


def rank(scores: Sequence[Scores]) -> list[Scores]:
    """Sort by PSNR, the best first; the blend is among them."""
    return sorted(scores, key=lambda each: -each.psnr)


def find_best(scores: Sequence[Scores]) -> Scores:
    """Return the best network."""
    return next(each for each in rank(scores) if each.setting != BLEND)


def find_quick(scores: Sequence[Scores]) -> Scores:
    """Return the fastest network that comes within ``ENOUGH`` of the best one; it may be that."""
    least = find_best(scores).psnr - ENOUGH
    good = [each for each in scores if each.psnr >= least and each.setting != BLEND]
    return min(good, key=lambda each: each.seconds)


def tabulate(scores: Sequence[Scores]) -> str:
    """Draw the table, the best first."""
    width = max(len(str(each.setting)) for each in scores)
    lpips = "   LPIPS  " if scores[0].lpips is not None else "  "
    head = f"{'':<{width}}  PSNR dB    SSIM  sharpness{lpips}s/frame"
    rows = (
        f"{each.setting!s:<{width}}  {each.psnr:7.2f}  {each.ssim:.4f}  {each.sharpness:9.2f}  "
        f"{'' if each.lpips is None else f'{each.lpips:.4f}  '}"
        f"{each.seconds:7.3f}  {mark(each, scores)}".rstrip()
        for each in rank(scores)
    )
    return "\n".join([head, *rows])


def mark(each: Scores, scores: Sequence[Scores]) -> str:
    """Say of a row of the table whether it is the best, or the fastest that is nearly as good."""
    marked = ("best", find_best(scores)), (_QUICK, find_quick(scores))
    return ", ".join(name for name, chosen in marked if each is chosen)


def describe_sample(sample: Sample) -> str:
    """Say at how many places frames were made, and why not at others."""
    return describe_places(len(sample.triplets), sample)


def describe_places(count: int, survey: Survey) -> str:
    """The same for ``count`` places, of one clip or of several."""
    num_left = survey.num_seen - survey.num_still - survey.num_at_cuts
    reasons = [
        f"{number} {reason}"
        for number, reason in (
            (survey.num_still, "without motion or with a repeated frame"),
            (survey.num_at_cuts, "across a scene cut"),
        )
        if number
    ]
    left_out = f"; left out: {', '.join(reasons)}" if reasons else ""
    return f"{count} of {num_left} places{left_out}"


def name_winner(scores: Sequence[Scores]) -> str:
    """Answer in sentences which checkpoint, and which setting, to take."""
    best, quick = find_best(scores), find_quick(scores)
    blend = next(each for each in scores if each.setting == BLEND)
    sentences = [
        _advise(best, quick, blend),
        _compare_checkpoints(scores, best),
        _compare_settings(scores, best),
    ]
    if blend.psnr > best.psnr:
        sentences.append(
            "Where a plain blend wins, figures say little: look at the pictures, or try another part of "
            "the clip."
        )
    return "\n".join(filter(None, sentences))


def _advise(best: Scores, quick: Scores, blend: Scores) -> str:
    if quick is not best:
        return (
            f"Take {quick.setting}: {best.psnr - quick.psnr:.2f} dB below the best, {best.setting}, in "
            f"{_times(quick, best)} its time."
        )
    lead = best.psnr - blend.psnr
    return (
        f"Take {best.setting}: {abs(lead):.2f} dB {'above' if lead > 0 else 'below'} a plain blend."
    )


def _compare_checkpoints(scores: Sequence[Scores], best: Scores) -> str:
    """Compare the best checkpoint with the next one, each in its best setting."""
    own = (best.setting.model, BLEND.model)
    other = next((each for each in rank(scores) if each.setting.model not in own), None)
    if other is None:
        return ""
    if best.psnr - other.psnr < ENOUGH:
        return (
            f"{best.setting} and {other.setting} are level: "
            f"{best.psnr - other.psnr:.2f} dB apart, {_count_places(best, other)}."
        )
    return f"Checkpoint {best.setting.model} is best: {_lead(best, other)} over {other.setting}."


def _compare_settings(scores: Sequence[Scores], best: Scores) -> str:
    """Compare the best setting of the best checkpoint with its fastest."""
    own = [each for each in scores if each.setting.model == best.setting.model]
    fastest = min(own, key=lambda each: each.seconds)
    if fastest is best:
        return ""
    return (
        f"Of its settings {best.setting.way} is best: {_lead(best, fastest)} over "
        f"{fastest.setting.way}, at {_times(best, fastest)} its time."
    )


def _lead(best: Scores, other: Scores) -> str:
    return f"{best.psnr - other.psnr:+.2f} dB, {_count_places(best, other)},"


def _count_places(best: Scores, other: Scores) -> str:
    return f"better in {best.times_ahead_of(other)} of {len(best.each)} places"


def _times(one: Scores, other: Scores) -> str:
    factor = one.seconds / max(other.seconds, _LEAST_SECONDS)
    return f"{factor:.{2 if factor < 1 else 1 if factor < 10 else 0}f} times"
