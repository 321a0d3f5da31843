package rowtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	t.Run("covered and later, comments and blank lines apart", func(t *testing.T) {
		rows, problems := parse("# A\n\nAB-01 | covered | it holds\nAB-2.3 | later: no C yet | so does this\nCD-9b | covered | and this\n")
		require.Empty(t, problems)
		require.Equal(t, []row{
			{id: "AB-01", words: "it holds", line: 3},
			{id: "AB-2.3", later: "no C yet", words: "so does this", line: 4},
			{id: "CD-9b", words: "and this", line: 5},
		}, rows)
	})
	for name, c := range map[string]struct{ text, want string }{
		"a missing field is found":             {"AB-01 | covered", "rows.txt:1: want id"},
		"what is no id is found":               {"AB01 | covered | x", "rows.txt:1: AB01 is no id"},
		"an id twice is found":                 {"AB-1 | covered | x\nAB-1 | covered | y", "rows.txt:2: AB-1 stands on line 1"},
		"an unknown state is found":            {"AB-1 | done | x", `rows.txt:1: "done" is neither`},
		"a later without a reason is found":    {"AB-1 | later: | x", "rows.txt:1: AB-1 is for later, but why?"},
		"a later with a blank reason is found": {"AB-1 | later:   | x", "rows.txt:1: AB-1 is for later, but why?"},
		"more than ten words are found":        {"AB-1 | covered | a b c d e f g h i j k", "rows.txt:1: AB-1: want one to 10 words"},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := parse(c.text)
			require.Len(t, problems, 1)
			if !strings.HasPrefix(problems[0], c.want) {
				t.Errorf("got %q, want it to begin with %q", problems[0], c.want)
			}
		})
	}
}

func TestMentions(t *testing.T) {
	families := map[string]bool{"AB": true, "CR": true}
	for text, want := range map[string][]string{
		`t.Run("AB-01, CR-2.4: both", …)`:          {"AB-01", "CR-2.4"},
		"AB-013 is not AB-01":                      {"AB-013", "AB-01"},
		"XAB-01, AB-01x_, AB-y, AB-, RFC-7636":     nil,
		"a sentence may end in AB-01. And CR-2.4.": {"AB-01", "CR-2.4"},
		"# AB-9b\n": {"AB-9b"},
		"another family, ES-256, is nobody's row":  nil,
		"AB-01/AB-02…AB-04 name three, not the 03": {"AB-01", "AB-02", "AB-04"},
	} {
		t.Run(text, func(t *testing.T) {
			if got := mentions([]byte(text), families); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestScan(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"a/a_test.go":                  "\n// AB-1",
		"a/a.go":                       "// AB-2",
		"nested/module/b_test.go":      "// AB-3",
		"testdata/flows/code.txtar":    "# AB-4",
		"docs/code.txtar":              "# AB-5",
		"store/storetest/expiry.go":    "// AB-6",
		"node_modules/x/y_test.go":     "// AB-7",
		".hidden/y_test.go":            "// AB-8",
		"internal/rowtest/own_test.go": "// AB-9",
	} {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	t.Run("tests are searched, in nested modules too, and nothing else is", func(t *testing.T) {
		found, err := scan(root, map[string]bool{"AB": true})
		require.NoError(t, err)
		require.Equal(t, map[string]place{
			"AB-1": {"a/a_test.go", 2},
			"AB-3": {"nested/module/b_test.go", 1},
			"AB-4": {"testdata/flows/code.txtar", 1},
			"AB-6": {"store/storetest/expiry.go", 1},
		}, found)
	})
}

func TestCompare(t *testing.T) {
	rows, problems := parse("AB-1 | covered | one\nAB-2 | covered | two\nAB-3 | later: no C yet | three\nAB-4 | later: no C yet | four\n")
	require.Empty(t, problems)
	failures, notes := compare(rows, map[string]place{"AB-1": {"a_test.go", 1}, "AB-3": {"a_test.go", 2}, "AB-9": {"a_test.go", 3}})
	t.Run("a covered requirement without a test, and a test without a requirement, fail", func(t *testing.T) {
		require.Equal(t, []string{
			"rows.txt:2: AB-2 has no test: two",
			"a_test.go:3: AB-9 is not in rows.txt",
		}, failures)
	})
	t.Run("a test of what is for later is a note", func(t *testing.T) {
		require.Equal(t, []string{"rows.txt:3: AB-3 is for later (no C yet), but see a_test.go:2"}, notes)
	})
	t.Run("the summary says what waits and why", func(t *testing.T) {
		require.Equal(t, []string{
			"1 of 2 requirements of what is built have a test",
			"2 wait, because no C yet: AB-3 AB-4",
		}, summary(rows, map[string]place{"AB-1": {}}))
	})
}
