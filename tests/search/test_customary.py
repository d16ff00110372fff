"""What is said of the order in which settings mattered, beside the customary one."""

import pytest

from batchwright.search.customary import Share, sentence

RATE, MOMENTUM, DROPOUT = "optimizer.learning_rate", "optimizer.momentum", "network.dropout"


def at(name: str, percent: int, reach: int = 2) -> Share:
    return Share(name, percent / 100, (percent - reach) / 100, (percent + reach) / 100)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        (
            (at(RATE, 60), at(DROPOUT, 20), at(MOMENTUM, 10)),
            (
                "the learning rate mattered most (60 % of the variance of the loss, 58 to 62 %), as is customary; "
                "dropout, which the customary ranking does not name, came before momentum"
            ),
        ),
        (
            (at("training.batch_size", 60), at(RATE, 20), at("optimizer.beta_2", 1)),
            (
                "the batch size mattered most (60 % of the variance of the loss, 58 to 62 %); "
                "unusually, the batch size came before the learning rate"
            ),
        ),
        (
            (at(RATE, 60), at("optimizer.epsilon", 11), at(MOMENTUM, 10)),
            (
                "the learning rate mattered most (60 % of the variance of the loss, 58 to 62 %), as is customary; "
                "the order of the others is not clear"
            ),
        ),
        (
            (at(MOMENTUM, 31), at(RATE, 30), at("optimizer.beta_2", 1)),
            (
                "which of momentum and the learning rate mattered most is not clear, because their intervals overlap; "
                "what can be distinguished is in the customary order"
            ),
        ),
        (
            (at("optimizer.beta_2", 31), at("optimizer.epsilon", 30), at("schedule.name", 20), at("schedule.end", 19)),
            (
                "which of beta_2 and epsilon mattered most is not clear, because their intervals overlap; "
                "unusually, beta_2 and epsilon came before the schedule; unusually, beta_2 and epsilon came before end"
            ),
        ),
        (
            (at(DROPOUT, 31), at("network.width", 1)),
            "dropout mattered most (31 % of the variance of the loss, 29 to 33 %)",
        ),
    ],
)
def test_the_sentence_says_what_the_intervals_tell_apart(shares: tuple[Share, ...], said: str) -> None:
    assert sentence(shares) == said


def test_a_setting_without_rivals_is_not_said_to_have_won() -> None:
    said = sentence((Share("optimizer.learning_rate", 1.0, 1.0, 1.0),))
    assert said == "only the learning rate was searched, so that there is nothing to compare its share with"
