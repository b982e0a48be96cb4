import pathlib
import tempfile
import unittest

from load_script import load_script

check_readme = load_script("check-readme")

DOCUMENT = """# Title
```sh
sudo never-run-this
```
```sh tour
echo one
curl -s http://127.0.0.1:8080/healthz
```
text
```json
{}
```
```sh tour
./build/release/yardmaster check-config configs/demo.yaml
```
"""


class CheckReadme(unittest.TestCase):
    def run_blocks(self, commands):
        with tempfile.TemporaryDirectory() as folder:
            return check_readme.run_document(check_readme.ROOT / "README.md", [(7, commands)],
                                             "127.0.0.1:1", pathlib.Path(folder))

    def test_only_tour_blocks_run_and_each_knows_its_line(self):
        blocks = check_readme.tour_blocks(DOCUMENT)
        self.assertEqual([line for line, _ in blocks], [6, 14])
        self.assertNotIn("never-run-this", check_readme.script_of(blocks, "h:1", "f"))

    def test_address_config_and_binary_are_those_under_test(self):
        script = check_readme.script_of(check_readme.tour_blocks(DOCUMENT), "127.0.0.1:99", "/t/c")
        self.assertIn("http://127.0.0.1:99/healthz", script)
        self.assertIn(f"{check_readme.BINARY} check-config /t/c", script)
        self.assertNotIn("8080", script)

    def test_what_succeeds_is_no_problem(self):
        self.assertIsNone(self.run_blocks("A=1\ntest $A = 1"))

    def test_a_failing_command_is_told_with_its_line_and_output(self):
        problem = self.run_blocks("echo before; false | cat")
        self.assertTrue(problem.startswith("README.md:7: exit status 1"), problem)
        self.assertIn("before", problem)

    def test_a_curl_without_an_answer_fails(self):
        self.assertIn("exit status 7", self.run_blocks("curl -s http://127.0.0.1:8080/healthz"))

    def test_links_to_files_that_are_not_there_are_found(self):
        text = "[a](architecture.md#folders) [b](https://x.org) [c](no-such-page.md) [d](#e)"
        self.assertEqual(check_readme.dead_links(text, check_readme.ROOT / "docs"),
                         ["no-such-page.md"])


if __name__ == "__main__":
    unittest.main()
