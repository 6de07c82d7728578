from __future__ import annotations

import pytest

from wattcast.settings import BacktestSettings, Settings, SettingsError, load_settings


def test_options_go_over_the_file_and_none_does_not_count(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text("[train]\nepochs = 3\nseed = 1\n[network]\nhidden = [8, 4]\n[backtest]\nevery = '6h'\n")
    found = load_settings(path, {"train": {"seed": 9, "epochs": None}, "network": {}, "read": {"y": "kW"}})
    assert (found.train.epochs, found.train.seed, found.network.hidden) == (3, 9, (8, 4))
    assert (found.backtest.every, found.read.y) == ("6h", "kW")
    rest = Settings()
    assert found.train.batch == rest.train.batch and found.backtest.origins == rest.backtest.origins


def test_no_file_gives_the_defaults():
    assert load_settings(None, {}) == Settings()


def test_a_settings_error_is_a_value_error():
    assert issubclass(SettingsError, ValueError)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"train": {"epoch": 3}}, "no setting 'train.epoch'; there are: epochs, steps"),
        (
            {"backtest": {"origin": 3}},
            "no setting 'backtest.origin'; there are: origins, every, at, window, refit,",
        ),
        ({"trains": {}}, "no setting 'trains'; there are: read, network, train, backtest."),
        ({"train": {"ema": 1.5}}, "'train.ema' cannot be 1.5"),
        ({"network": {"hidden": ()}}, "'network.hidden' cannot be"),
        ({"network": {"cell": "rnn"}}, "'network.cell' cannot be 'rnn'.*elman.*gru.*lstm"),
        ({"backtest": {"origins": 0}}, "'backtest.origins' cannot be 0"),
        ({"backtest": {"at": "9"}}, "'backtest.at' cannot be '9'.*no time of day such as 09:00"),
        ({"backtest": {"window": "a year"}}, "'backtest.window' cannot be 'a year'.*no time such as"),
    ],
)
def test_what_cannot_be_is_named(options, said):
    with pytest.raises(SettingsError, match=said) as caught:
        load_settings(None, options)
    assert "\n" not in str(caught.value)


def test_the_file_is_named(tmp_path):
    for content, said in ((b"\xff\xfe", "cannot be read"), (b"[a", "not TOML"), (b"network = 1", "not a table")):
        path = tmp_path / "mine.toml"
        path.write_bytes(content)
        with pytest.raises(SettingsError, match=f"mine.toml.*{said}|{said}.*mine.toml|mine.toml is {said}"):
            load_settings(path, {"network": {}})


def test_a_file_with_a_number_for_a_table_that_no_option_touches(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text("backtest = 3\n")
    with pytest.raises(SettingsError, match="'backtest'"):
        load_settings(path, {})


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        BacktestSettings().origins = 3
