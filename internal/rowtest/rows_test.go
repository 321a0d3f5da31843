// Package rowtest compares what must hold with what is tested. rows.txt lists the
// requirements by id; a test carries the ids of the requirements it holds, in its
// name or in a comment. It has tests only:
//
//	go test -v ./internal/rowtest
//
// prints what is missing and what waits for which feature.
package rowtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A row is one requirement.
type row struct {
	id    string
	later string // why it is not covered yet; empty: it is covered
	words string
	line  int
}

// maxWords keeps rows.txt a list, not a specification.
const maxWords = 10

var (
	idForm     = regexp.MustCompile(`^[A-Z]{2,4}-\d+(\.\d+)?[a-z]?$`)
	idInSource = regexp.MustCompile(`\b([A-Z]{2,4})-\d+(\.\d+)?[a-z]?\b`)
)

// parse reads rows: "id | covered | words" or "id | later: reason | words". Each
// problem names its line.
func parse(text string) (rows []row, problems []string) {
	seen := map[string]int{}
	line := 0
	for content := range strings.Lines(text) {
		line++
		content = strings.TrimSpace(content)
		if content == "" || strings.HasPrefix(content, "#") {
			continue
		}
		complain := func(sentence string) { problems = append(problems, fmt.Sprintf("rows.txt:%d: %s", line, sentence)) }
		fields := strings.Split(content, " | ")
		if len(fields) != 3 {
			complain("want id | state | words")
			continue
		}
		r := row{id: fields[0], words: fields[2], line: line}
		reason, later := strings.CutPrefix(fields[1], "later:")
		r.later = strings.TrimSpace(reason)
		switch {
		case !idForm.MatchString(r.id):
			complain(r.id + " is no id")
		case seen[r.id] > 0:
			complain(fmt.Sprintf("%s stands on line %d already", r.id, seen[r.id]))
		case !later && fields[1] != "covered":
			complain(fmt.Sprintf("%q is neither covered nor later: and why", fields[1]))
		case later && r.later == "":
			complain(r.id + " is for later, but why?")
		case len(strings.Fields(r.words)) == 0 || len(strings.Fields(r.words)) > maxWords:
			complain(fmt.Sprintf("%s: want one to %d words", r.id, maxWords))
		}
		if !later {
			r.later = ""
		}
		seen[r.id] = line
		rows = append(rows, r)
	}
	return rows, problems
}

// mentions returns the ids in source that belong to a family of rows.txt.
func mentions(source []byte, families map[string]bool) (ids []string) {
	for _, m := range idInSource.FindAllSubmatch(source, -1) {
		if families[string(m[1])] {
			ids = append(ids, string(m[0]))
		}
	}
	return ids
}

// A place is where an id was first found.
type place struct {
	file string
	line int
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// scan finds the ids in the tests below root, those of nested modules included.
func scan(root string, families map[string]bool) (map[string]place, error) {
	found := map[string]place{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") || rel == "internal/rowtest" {
				return filepath.SkipDir
			}
			return nil
		}
		if !isTest(rel) {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		line := 0
		for text := range bytes.Lines(source) {
			line++
			for _, id := range mentions(text, families) {
				if _, ok := found[id]; !ok {
					found[id] = place{rel, line}
				}
			}
		}
		return nil
	})
	return found, err
}

// isTest reports whether the file is a test: of Go, a script of a flow, or what
// package storetest asks of every store.
func isTest(path string) bool {
	dir := "/" + filepath.ToSlash(filepath.Dir(path)) + "/"
	switch filepath.Ext(path) {
	case ".go":
		return strings.HasSuffix(path, "_test.go") || strings.HasSuffix(dir, "/storetest/")
	case ".txtar":
		return strings.Contains(dir, "/testdata/")
	default:
		return false
	}
}

// compare holds the rows against what was found. Failures are what is wrong;
// notes are what may be out of date.
func compare(rows []row, found map[string]place) (failures, notes []string) {
	listed := map[string]bool{}
	for _, r := range rows {
		listed[r.id] = true
		at, tested := found[r.id]
		switch {
		case r.later == "" && !tested:
			failures = append(failures, fmt.Sprintf("rows.txt:%d: %s has no test: %s", r.line, r.id, r.words))
		case r.later != "" && tested:
			notes = append(notes, fmt.Sprintf("rows.txt:%d: %s is for later (%s), but see %s", r.line, r.id, r.later, at))
		}
	}
	var unlisted []string
	for id, at := range found {
		if !listed[id] {
			unlisted = append(unlisted, fmt.Sprintf("%s: %s is not in rows.txt", at, id))
		}
	}
	slices.Sort(unlisted)
	return append(failures, unlisted...), notes
}

// families are the letters ids begin with.
func families(rows []row) map[string]bool {
	f := map[string]bool{}
	for _, r := range rows {
		letters, _, _ := strings.Cut(r.id, "-")
		f[letters] = true
	}
	return f
}

func TestRows(t *testing.T) {
	text, err := os.ReadFile("rows.txt")
	if err != nil {
		t.Fatal(err)
	}
	rows, problems := parse(string(text))
	t.Run("the list is well formed", func(t *testing.T) {
		for _, p := range problems {
			t.Error(p)
		}
	})
	found, err := scan("../..", families(rows))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("every requirement has a test or a reason", func(t *testing.T) {
		failures, notes := compare(rows, found)
		for _, n := range notes {
			t.Log(n)
		}
		for _, f := range failures {
			t.Error(f)
		}
		for _, line := range summary(rows, found) {
			t.Log(line)
		}
	})
}

// summary counts what is tested, and what waits for which reason.
func summary(rows []row, found map[string]place) (lines []string) {
	tested, covered := 0, 0
	waiting, reasons := map[string][]string{}, []string{}
	for _, r := range rows {
		if r.later == "" {
			covered++
			if _, ok := found[r.id]; ok {
				tested++
			}
			continue
		}
		if waiting[r.later] == nil {
			reasons = append(reasons, r.later)
		}
		waiting[r.later] = append(waiting[r.later], r.id)
	}
	lines = append(lines, fmt.Sprintf("%d of %d requirements of what is built have a test", tested, covered))
	for _, reason := range reasons {
		lines = append(lines, fmt.Sprintf("%d wait, because %s: %s", len(waiting[reason]), reason, strings.Join(waiting[reason], " ")))
	}
	return lines
}
