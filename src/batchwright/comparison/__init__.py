"""Update rules, or the values of any setting, side by side: each tuned, with the noise of seeds and a verdict."""
