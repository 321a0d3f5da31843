// Package archtest holds the architecture: which package may import which, how
// much may be exported, how long a file may be, and what no package may do. It has
// tests only; the tables they go by are on this page.
package archtest

import "strings"

// floors is the tree, lowest first. A package imports only what stands on a lower
// floor; siblings never meet. "store/..." is everything below store, and store
// itself if no other line names it.
var floors = [][]string{
	{"oautherr", "pkce", "form", "secret", "store"},
	{"store/...", "client", "token"},
	{"grant", "resource"},
	{"."},
	{"ext/..."},
	{"oauthtest", "examples/..."},
}

// Packages on floors up to this one are the core, which has a budget of its own.
const highestCoreFloor = 3

// requirements are the modules the root module may require directly. Everything
// that needs more is a nested module.
var requirements = []string{
	"github.com/go-jose/go-jose/v4",
	"golang.org/x/crypto",
	testify,
}

// testify is for tests, ours and nobody else's.
const testify = "github.com/stretchr/testify"

// Budgets.
const (
	maxExported     = 30  // exported types, functions and variables of a package
	maxCoreExported = 200 // of all core packages together
	maxMethods      = 4   // methods of an interface
	maxFileLines    = 300
	maxFuncLines    = 60
)

// internalUsers are the packages below an internal directory that more than tests
// may import, with the reason.
var internalUsers = map[string]string{
	"internal/jsonw": "writes the JSON of every token response and grant record",
}

// reserved are names that only some packages may use.
var reserved = map[string][]string{
	// HTTP is written at the edge, so that whatever decides can be tested without it.
	"net/http.ResponseWriter": {".", "resource", "ext/...", "oauthtest", "examples/..."},
	// What a function needs is in its parameters. Middleware has no other way to
	// hand something to an http.Handler; its key is private, its accessor typed.
	"context.WithValue": {"resource"},
}

// variables are the package variables that are neither constant in spirit nor
// errors, with the reason each may exist.
var variables = map[string]string{
	"form.buffers":             "a pool of scratch memory; what it holds is never seen again",
	"grantor.buffers":          "a pool of scratch memory; what it holds is never seen again",
	"grant.encoders":           "a pool of scratch memory; what it holds is never seen again",
	"grantor.headerJSON":       "a header value; net/http only reads it",
	"grantor.headerHTML":       "a header value; net/http only reads it",
	"grantor.headerNoStore":    "a header value; net/http only reads it",
	"grantor.headerNoCache":    "a header value; net/http only reads it",
	"grantor.headerNoReferrer": "a header value; net/http only reads it",
	"grantor.consentPage":      "one of the parsed templates; only executed",
	"grantor.formPostPage":     "one of the parsed templates; only executed",
	"grantor.errorPage":        "one of the parsed templates; only executed",
	"secret.plainOnly":         "the scheme without a pepper, for peppers that are nil",
	"store/memory.seed":        "random once, so that nobody can aim at one shard",
	"token.pssOptions":         "parameters of PS256; crypto/rsa only reads them",
}

// Words that say nothing of the domain: anywhere in an exported name, or at the
// start of the name of a function or method.
var (
	emptyWords = []string{"Manager", "Strategy", "Impl", "Helper"}
	emptyVerbs = []string{"Get", "Do", "Handle"}
)

// matches reports whether the package rel is the one pattern names, or below it.
func matches(pattern, rel string) bool {
	base, below := strings.CutSuffix(pattern, "/...")
	return rel == base || below && strings.HasPrefix(rel, base+"/")
}

func matchesAny(patterns []string, rel string) bool {
	for _, p := range patterns {
		if matches(p, rel) {
			return true
		}
	}
	return false
}

// floorOf returns the floor rel stands on. An exact line wins over a pattern.
func floorOf(rel string) (int, bool) {
	found, ok := 0, false
	for i, patterns := range floors {
		for _, p := range patterns {
			if p == rel {
				return i, true
			}
			if matches(p, rel) {
				found, ok = i, true
			}
		}
	}
	return found, ok
}

// internal reports whether rel lies in an internal directory.
func internal(rel string) bool { return strings.Contains("/"+rel+"/", "/internal/") }
