"""Text and music: a recurrent network knows more of what comes next than a table of pairs."""

import numpy as np
import pytest

from wattcast.learn.elsewhere import BAR, NOTES, english, melodies

SIZES = {"steps": 150}


def test_text_is_guessed_better_than_by_pairs_of_letters(lesson):
    facts = lesson("elsewhere", **SIZES).facts
    assert facts["text_bits"] < 0.95 * facts["text_bits_bigram"]
    assert facts["text_bits_bigram"] < facts["text_bits_most_common"] < np.log2(len(english()[0]))


def test_music_is_guessed_better_than_from_the_last_note(lesson):
    facts = lesson("elsewhere", **SIZES).facts
    assert facts["music_bits"] < 0.7 * facts["music_bits_last_note"]


def test_no_one_could_know_the_melody_better_than_its_rule(lesson):
    """A stray note, one in ten, is any of eight: what the rule itself leaves open."""
    right = 0.9 + 0.1 / 8
    floor = -right * np.log2(right) - 7 * (0.1 / 8) * np.log2(0.1 / 8)
    assert lesson("elsewhere", **SIZES).facts["music_bits"] > floor


def test_melodies_follow_the_seed():
    tune = melodies(8, 1)
    assert len(tune) == 8 * BAR and tune.max() < len(NOTES)
    np.testing.assert_array_equal(tune, melodies(8, 1))
    assert (tune != melodies(8, 2)).any()


@pytest.mark.parametrize("letter", ["e", " "])
def test_the_text_is_english(letter):
    letters, text = english()
    assert 0.05 < np.mean(text == letters.index(letter)) < 0.25
