import pathlib
import unittest

from load_script import load_script

check_includes = load_script("check-includes")


def rule(path, include):
    match = check_includes.INCLUDE.match(f"#include {include}")
    return check_includes.broken_rule(pathlib.Path(path), match[1], match[2])


class CheckIncludes(unittest.TestCase):
    def test_the_arrows_hold(self):
        for path, include in [
            ("base/time.cc", '"base/time.h"'),
            ("env/query.h", '"base/result.h"'),
            ("policies/policy.h", '"env/observation.h"'),
            ("replay/store.cc", '"env/metrics.h"'),
            ("agent/daemon.cc", '"replay/store.h"'),
            ("tests/unit/env/query_test.cc", '"tests/common/temp_dir.h"'),
            ("env/query.cc", "<string>"),
            ("policies/linear_model.cc", "<torch/torch.h>"),
            ("env/minilm_network.cc", "<ATen/ATen.h>"),
        ]:
            self.assertIsNone(rule(path, include), (path, include))

    def test_an_include_against_an_arrow_names_what_is_allowed(self):
        self.assertEqual(rule("policies/a.cc", '"replay/store.h"'), "policies may include base, env")
        self.assertEqual(rule("replay/a.cc", '"policies/policy.h"'), "replay may include base, env")
        self.assertEqual(rule("env/a.h", '"agent/config.h"'), "env may include base")
        self.assertEqual(rule("base/a.h", '"env/query.h"'), "base may include no other folder")
        self.assertIsNotNone(rule("agent/a.cc", '"tests/common/temp_dir.h"'))

    def test_torch_is_for_sources_of_policies_and_env_only(self):
        for path in ["policies/a.h", "env/a.h", "agent/a.cc", "tests/unit/policies/a_test.cc"]:
            for include in ["<torch/torch.h>", "<ATen/ATen.h>", "<c10/core/Device.h>"]:
                self.assertIn("LibTorch", rule(path, include))

    def test_our_files_are_named_from_the_top_and_in_quotes(self):
        self.assertIsNotNone(rule("env/query.cc", '"query.h"'))
        self.assertIsNotNone(rule("env/query.cc", '"../base/result.h"'))
        self.assertIsNotNone(rule("env/query.cc", "<base/result.h>"))
        self.assertIsNotNone(rule("env/query.cc", '"rocksdb/db.h"'))


if __name__ == "__main__":
    unittest.main()
