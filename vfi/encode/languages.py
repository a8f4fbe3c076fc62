"""Languages of tracks, as ffmpeg's QuickTime muxer spells them.

QuickTime numbers its languages. ffmpeg knows the numbers by names of its own (libavformat/isom.c,
mov_mdhd_language_map), some from ISO 639-2/B ("ger"), some from 639-2/T ("fra"), some from neither
("hr "); any other spelling it leaves out without a word.
"""

from __future__ import annotations

from collections.abc import Mapping

_AS_IN_ISO_639 = (
    "amh ara asm aym aze bel ben bul cat ces dan dzo eng epo est fin fra guj heb hin hun ind ita "
    "jav jpn kan kas kaz khm kin kir kor kur lao lat lav lit mal mar mlg mlt mol mon nep nor nya "
    "ori orm pol por pus que ron run rus san sin slk slv smi snd som spa swa tam tat tel tgk tgl "
    "tha tir tuk tur uig ukr urd uzb vie yid"
)
# The muxer's name -> codes of ISO 639-2, separated by spaces.
_OTHERWISE = {
    "alb": "alb sqi",
    "arm": "arm hye",
    "baq": "baq eus",
    "bur": "bur mya",
    "ces": "cze",
    "chi": "chi zho",
    "dut": "dut nld",
    "fo ": "fao",
    "fra": "fre",
    "geo": "geo kat",
    "ger": "ger deu",
    "gre": "gre ell",
    "hr ": "hrv scr",
    "ice": "ice isl",
    "iri": "gle",
    "mac": "mac mkd",
    "may": "may msa",
    "nor": "nob nno",
    "pa ": "pan",
    "per": "per fas",
    "ron": "rum",
    "slk": "slo",
    "sr ": "srp scc",
    "sve": "swe",
    "tib": "tib bod",
    "wel": "wel cym",
}

QUICKTIME_LANGUAGES: Mapping[str, str] = {
    **{code: code for code in _AS_IN_ISO_639.split()},
    **{code: name for name, codes in _OTHERWISE.items() for code in codes.split()},
}
"""Code of ISO 639-2 -> the muxer's name of that language."""
