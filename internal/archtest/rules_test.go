package archtest

import (
	"fmt"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree makes a module of sources by file name.
func tree(t *testing.T, sources map[string]string) *module {
	t.Helper()
	m := &module{path: "example.org/m", fset: token.NewFileSet(), requires: slices.Clone(requirements)}
	for name, src := range sources {
		require.NoError(t, m.add(path.Dir(name), name, []byte(src)))
	}
	return m
}

func TestRules(t *testing.T) {
	for _, c := range []struct {
		name    string
		check   func(*module) []string
		sources map[string]string
		want    []string // what each violation begins with; none: all is well
	}{
		{"going down is fine", checkFloors, map[string]string{
			"grant/a.go": "package grant\nimport \"example.org/m/store\"\n",
			"store/a.go": "package store\n",
			"ext/x/a.go": "package x\nimport \"example.org/m\"\n",
		}, nil},
		{"going up is not", checkFloors, map[string]string{
			"store/a.go": "package store\n\nimport \"example.org/m/grant\"\n",
		}, []string{"store/a.go:3: store on floor 0 imports grant on floor 2"}},
		{"nor is the root from below", checkFloors, map[string]string{
			"grant/a.go": "package grant\nimport \"example.org/m\"\n",
		}, []string{"grant/a.go:2: grant on floor 2 imports m on floor 3"}},
		{"siblings do not meet", checkFloors, map[string]string{
			"ext/a/a.go": "package a\nimport \"example.org/m/ext/b\"\n",
		}, []string{"ext/a/a.go:2: ext/a imports its sibling ext/b"}},
		{"a child stands above the package it is named after", checkFloors, map[string]string{
			"store/a.go":        "package store\nimport \"example.org/m/store/memory\"\n",
			"store/memory/a.go": "package memory\nimport \"example.org/m/store\"\n",
		}, []string{"store/a.go:2: store on floor 0 imports store/memory on floor 1"}},
		{"a package on no floor is named once", checkFloors, map[string]string{
			"util/a.go": "package util\n",
			"util/b.go": "package util\n",
		}, []string{"util/"}},
		{"and so is who imports it", checkFloors, map[string]string{
			"form/a.go": "package form\nimport \"example.org/m/util\"\n",
		}, []string{"form/a.go:2: form imports util, which stands on no floor"}},
		{"tests may import what they like", checkFloors, map[string]string{
			"store/a_test.go": "package store_test\nimport \"example.org/m/oauthtest\"\n",
		}, nil},

		{"tests may import what is internal", checkInternal, map[string]string{
			"form/a_test.go": "package form_test\nimport \"example.org/m/internal/x\"\n",
		}, nil},
		{"code may not", checkInternal, map[string]string{
			"form/a.go": "package form\nimport \"example.org/m/internal/x\"\n",
		}, []string{"form/a.go:2: form imports internal/x, which is for tests only"}},
		{"an internal package that code may import imports nothing of ours", checkInternal, map[string]string{
			"internal/jsonw/a.go": "package jsonw\nimport \"example.org/m/form\"\n",
		}, []string{"internal/jsonw/a.go:2: internal/jsonw imports form, but"}},

		{"testify in tests is fine, below the version too", checkRequirements, map[string]string{
			"form/a_test.go": "package form\nimport \"github.com/stretchr/testify/require\"\nimport \"github.com/go-jose/go-jose/v4/jwt\"\n",
		}, nil},
		{"testify in what hosts import is not", checkRequirements, map[string]string{
			"oauthtest/a.go": "package oauthtest\nimport \"github.com/stretchr/testify/require\"\n",
		}, []string{"oauthtest/a.go:2: oauthtest imports github.com/stretchr/testify/require outside a test"}},
		{"a fourth module is not", checkRequirements, map[string]string{
			"form/a_test.go": "package form\nimport \"golang.org/x/oauth2\"\n",
		}, []string{"form/a_test.go:2: form imports golang.org/x/oauth2, which is of none"}},

		{"undocumented names are found, documented groups are fine", checkDocumented, map[string]string{
			"form/a.go": "// Package form is.\npackage form\ntype T struct{}\nfunc (*T) M() {}\nfunc (t) M() {}\ntype t struct{}\n" +
				"// G is.\nconst (\n\tA = 1\n\tB = 2\n)\nvar (\n\tV = 1\n\tW = 2 // is\n)\n// F is.\nfunc F() {}\n",
		}, []string{"form/a.go:13: V is", "form/a.go:3: T is", "form/a.go:4: M is"}},
		{"a package is described in one of its files", checkDocumented, map[string]string{
			"form/a.go":  "package form\n",
			"form/b.go":  "// Package form is.\npackage form\n",
			"token/a.go": "package token\n",
		}, []string{"token/a.go:1: package token has no doc"}},

		{"thirty exported names are within the budget, constants and methods apart", checkExportedBudget, map[string]string{
			"form/a.go": "package form\nconst C = 1\ntype T0 int\nfunc (T0) M() {}\n" + repeat("func F%d() {}\n", 29),
		}, nil},
		{"thirty-one are not", checkExportedBudget, map[string]string{
			"form/a.go": "package form\n" + repeat("func F%d() {}\n", 31),
		}, []string{"form/a.go:1: package form exports 31"}},
		{"nor are more than two hundred in the core", checkExportedBudget, manyNames("form", "pkce", "store", "client", "token", "grant", "a"), nil},
		{"all together", checkExportedBudget, manyNames("form", "pkce", "store", "client", "token", "grant", "resource"),
			[]string{"go.mod:1: the core packages export 210"}},

		{"words that say nothing are found", checkNames, map[string]string{
			"form/a.go": "package form\ntype KeyManager int\ntype Implied int\nfunc HelperURL() {}\nfunc GetURL() {}\nfunc Gettysburg() {}\nfunc HandleX() {}\nfunc Do() {}\ntype Handle int\ntype Handler int\nfunc getX() {}\n",
		}, []string{"form/a.go:2: KeyManager", "form/a.go:4: HelperURL", "form/a.go:5: GetURL", "form/a.go:7: HandleX", "form/a.go:8: Do"}},
		{"the Get of a Store is the exception", checkNames, map[string]string{
			"store/memory/a.go": "package memory\ntype S int\nfunc (S) Get() {}\n",
			"oauthtest/a.go":    "package oauthtest\ntype S int\nfunc (S) Get(c context.Context, k store.Kind, id string) {}\ntype T int\nfunc (T) Get(id string) {}\n",
		}, []string{"oauthtest/a.go:5: Get"}},

		{"embedded interfaces count with what they hold", checkInterfaces, map[string]string{
			"form/a.go":  "package form\ntype A interface { B; error; C() }\ntype B interface { D(); E(); F() }\ntype N interface { ~int | ~string }\n",
			"grant/a.go": "package grant\nimport \"example.org/m/form\"\ntype A interface { form.B; G(); H() }\nvar x interface { I(); J(); K(); L() }\n",
		}, []string{"form/a.go:2: the interface has 5", "grant/a.go:3: the interface has 5"}},

		{"a file and a function of just the budget are fine", checkSizes, map[string]string{
			"form/a.go": "package form\nfunc f() {\n" + strings.Repeat("\n", 58) + "}\n" + strings.Repeat("\n", 239),
		}, nil},
		{"one line more is not", checkSizes, map[string]string{
			"form/a.go": "package form\nfunc f() {\n" + strings.Repeat("\n", 59) + "}\n" + strings.Repeat("\n", 239),
		}, []string{"form/a.go:1: the file has 301", "form/a.go:2: f has 61"}},
		{"tests may be long", checkSizes, map[string]string{
			"form/a_test.go": "package form\nfunc f() {\n" + strings.Repeat("\n", 400) + "}\n",
		}, nil},

		{"what never changes may be a variable", checkState, map[string]string{
			"pkce/a.go": "package pkce\nimport \"errors\"\nimport \"embed\"\nimport \"html/template\"\nvar _ I = T{}\nvar ErrX = errors.New(\"x\")\nvar files embed.FS\nvar page = template.Must(nil, nil)\n" +
				"var table = [256]byte{}\nvar made = func() (t [256]bool) { return t }()\n",
		}, nil},
		{"what can change may not", checkState, map[string]string{
			"pkce/a.go": "package pkce\nvar a = map[string]int{}\nvar b, c = []int{1}, &T{}\nvar d sync.Mutex\nvar e = make(chan int)\nvar f int\nvar g func()\nfunc init() {}\n",
		}, []string{"pkce/a.go:2: package variable pkce.a", "pkce/a.go:3: package variable pkce.b", "pkce/a.go:3: package variable pkce.c",
			"pkce/a.go:4: ", "pkce/a.go:5: ", "pkce/a.go:6: ", "pkce/a.go:7: ", "pkce/a.go:8: package pkce has an init"}},
		{"a reason for a variable that is gone is found", checkState, map[string]string{
			"form/a.go": "package form\n",
		}, []string{"internal/archtest/tables_test.go:1: variable form.buffers is gone"}},

		{"the edge may write HTTP", checkReserved, map[string]string{
			"a.go":       "package m\nimport \"net/http\"\nfunc f(http.ResponseWriter) {}\n",
			"ext/x/a.go": "package x\nimport \"net/http\"\nfunc f(http.ResponseWriter) {}\n",
		}, nil},
		{"what stands below it may not, under no name", checkReserved, map[string]string{
			"client/a.go": "package client\nimport h \"net/http\"\nfunc f(h.ResponseWriter, *h.Request) {}\n",
		}, []string{"client/a.go:3: package client uses net/http.ResponseWriter"}},
		{"nobody hides parameters in a context", checkReserved, map[string]string{
			"a.go": "package m\nimport \"context\"\nvar x = context.WithValue(nil, 1, 2)\n",
		}, []string{"a.go:3: package m uses context.WithValue"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.check(tree(t, c.sources))
			slices.Sort(got) // as text: line 13 before line 3
			require.Len(t, got, len(c.want), "%s", strings.Join(got, "\n"))
			for i, want := range c.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("got %q, want it to begin with %q", got[i], want)
				}
			}
		})
	}
}

func TestRequirements(t *testing.T) {
	t.Run("a fourth requirement and a missing one are found", func(t *testing.T) {
		m := &module{requires: []string{requirements[0], requirements[1], "golang.org/x/oauth2"}}
		got := checkRequirements(m)
		require.Len(t, got, 2)
		require.Contains(t, got[0], "golang.org/x/oauth2 is required directly")
		require.Contains(t, got[1], testify+" is no direct requirement")
	})
}

func TestSplit(t *testing.T) {
	for name, want := range map[string][]string{
		"JWTKeyID": {"JWT", "Key", "ID"}, "GetURL": {"Get", "URL"}, "X": {"X"}, "S256": {"S256"}, "Implied": {"Implied"},
	} {
		t.Run(name+" is "+strings.Join(want, ", "), func(t *testing.T) {
			require.Equal(t, want, split(name))
		})
	}
}

func repeat(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// manyNames makes packages with as many names as a package may have.
func manyNames(packages ...string) map[string]string {
	sources := map[string]string{}
	for _, p := range packages {
		sources[p+"/a.go"] = "package " + p + "\n" + repeat("func F%d() {}\n", maxExported)
	}
	return sources
}
