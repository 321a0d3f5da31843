// Package doctest keeps the pages of this repository true where a program can
// tell: the code in them is code that is compiled, their links lead somewhere,
// and the tests they name exist. It has tests only.
package doctest

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the repository, seen from here.
const root = "../.."

// pages returns the Markdown pages by their path in the repository.
func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, name := range names {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			rel, err := filepath.Rel(root, name)
			require.NoError(t, err)
			texts[filepath.ToSlash(rel)] = string(text)
		}
	}
	require.Contains(t, texts, "README.md")
	return texts
}

// sources returns the Go files below dir for which want is true, by path.
func sources(t *testing.T, dir string, want func(rel string) bool) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir(filepath.Join(root, dir), func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && d.Name() != root && d.Name() != "..") {
			return filepath.SkipDir
		}
		rel, err := filepath.Rel(root, name)
		if err != nil || d.IsDir() || path.Ext(name) != ".go" || !want(filepath.ToSlash(rel)) {
			return err
		}
		text, err := os.ReadFile(name)
		texts[filepath.ToSlash(rel)] = string(text)
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, texts)
	return texts
}

// Code that pages show comes from these: compiled, run by go test, or driven by
// a test.
func shown(rel string) bool {
	return strings.HasPrefix(rel, "example") || rel == "plainstore_test.go"
}

func TestCodeInPagesIsCompiledCode(t *testing.T) {
	code := sources(t, ".", shown)
	blocks := 0
	for page, text := range pages(t) {
		for _, b := range goBlocks(text) {
			blocks++
			found := false
			for _, source := range code {
				found = found || strings.Contains(outdent(source), outdent(b))
			}
			if !found {
				t.Errorf("%s shows code that is in no example:\n%s", page, b)
			}
		}
	}
	require.NotZero(t, blocks)
}

func TestTheReadmeShowsTheQuickstart(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(root, "examples/quickstart/main.go"))
	require.NoError(t, err)
	_, program, ok := strings.Cut(string(source), "\npackage main\n")
	require.True(t, ok)
	if first := goBlocks(pages(t)["README.md"])[0]; first != "package main\n"+program {
		t.Errorf("the first code of README.md is not examples/quickstart/main.go from its package clause on, got:\n%s", first)
	}
}

// goBlocks returns the fenced Go code of a page.
func goBlocks(text string) (blocks []string) {
	for {
		_, after, ok := strings.Cut(text, "\n```go\n")
		if !ok {
			return blocks
		}
		var block string
		block, text, _ = strings.Cut(after, "```")
		blocks = append(blocks, block)
	}
}

// outdent removes the indentation of every line, which differs between a page
// and a source.
func outdent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimLeft(line, "\t"))
	}
	return b.String()
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksBetweenPagesLeadSomewhere(t *testing.T) {
	texts := pages(t)
	for page, text := range texts {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := path.Join(path.Dir(page), target)
			if target == "" {
				to = page
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
				continue
			}
			if anchor != "" && !anchors(texts[to])[anchor] {
				t.Errorf("%s links to %s, and that page has no such heading", page, m[1])
			}
		}
	}
}

var notInAnchor = regexp.MustCompile(`[^\w\- ]`)

// anchors are the names that headings get when a page is shown.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(text) {
		if heading, ok := strings.CutPrefix(line, "#"); ok {
			heading = strings.ToLower(strings.TrimSpace(strings.TrimLeft(heading, "#")))
			names[strings.ReplaceAll(notInAnchor.ReplaceAllString(heading, ""), " ", "-")] = true
		}
	}
	return names
}

var (
	testName = regexp.MustCompile("`((?:Test|Fuzz|Benchmark|Example)[A-Z]\\w*)`")
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w*)\(`)
)

func TestTestsThatPagesNameExist(t *testing.T) {
	have := map[string]bool{}
	for _, source := range sources(t, ".", func(rel string) bool { return strings.HasSuffix(rel, "_test.go") }) {
		for _, m := range testFunc.FindAllStringSubmatch(source, -1) {
			have[m[1]] = true
		}
	}
	for page, text := range pages(t) {
		for _, m := range testName.FindAllStringSubmatch(text, -1) {
			if !have[m[1]] {
				t.Errorf("%s names the test %s, which is not there", page, m[1])
			}
		}
	}
}

var rowID = regexp.MustCompile(`\b[A-Z]{2,4}-\d+(?:\.\d+)?[a-z]?\b`)

func TestRequirementsThatThePagesNameAreCovered(t *testing.T) {
	rows, err := os.ReadFile(filepath.Join(root, "internal/rowtest/rows.txt"))
	require.NoError(t, err)
	families, covered := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(string(rows)) {
		if id, state, ok := strings.Cut(line, " | "); ok && rowID.MatchString(id) {
			family, _, _ := strings.Cut(id, "-")
			families[family] = true
			covered[id] = strings.HasPrefix(state, "covered ")
		}
	}
	require.NotEmpty(t, covered)
	text := pages(t)["docs/threat-model.md"]
	for _, id := range rowID.FindAllString(text, -1) {
		if family, _, _ := strings.Cut(id, "-"); families[family] && !covered[id] {
			t.Errorf("docs/threat-model.md relies on %s, which no test covers", id)
		}
	}
}
