package resource_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/resource"
	"github.com/grantor-go/grantor/token"
)

func TestGuardLetsPass(t *testing.T) {
	t.Run("a token for the API with the scopes, and the handler knows whose it is", func(t *testing.T) {
		guard := resource.Guard{Verifier: says(claims("read", "write", "more")), Resource: api}
		res, body := send(guard.Require("read", "write")(passed), with("tok"))
		if res.StatusCode != http.StatusOK || body != "alice" {
			t.Errorf("got %d %q", res.StatusCode, body)
		}
		require.Empty(t, res.Header.Get("WWW-Authenticate")+res.Header.Get("Cache-Control"), "the guard adds nothing to what the API answers")
	})
	t.Run("any token for the API, where no scope is needed", func(t *testing.T) {
		guard := resource.Guard{Verifier: says(claims()), Resource: api}
		if res, _ := send(guard.Require()(passed), with("tok")); res.StatusCode != http.StatusOK {
			t.Errorf("got %d", res.StatusCode)
		}
	})
	t.Run("a token among whose audiences the API is", func(t *testing.T) {
		c := claims()
		c.Audience = []string{"https://other.example", api}
		guard := resource.Guard{Verifier: says(c), Resource: api}
		if res, _ := send(guard.Require()(passed), with("tok")); res.StatusCode != http.StatusOK {
			t.Errorf("got %d", res.StatusCode)
		}
	})
	t.Run("a token for the issuer itself, where the API has no identifier", func(t *testing.T) {
		c := claims()
		c.Audience = []string{issuer}
		guard := resource.Guard{Verifier: says(c)}
		if res, _ := send(guard.Require()(passed), with("tok")); res.StatusCode != http.StatusOK {
			t.Errorf("got %d", res.StatusCode)
		}
	})
	t.Run("the same middleware in front of several handlers", func(t *testing.T) {
		read := resource.Guard{Verifier: says(claims("read")), Resource: api}.Require("read")
		for range 2 {
			if res, _ := send(read(passed), with("tok")); res.StatusCode != http.StatusOK {
				t.Errorf("got %d", res.StatusCode)
			}
		}
	})
	t.Run("who changes the scopes later changes nothing", func(t *testing.T) {
		scopes := []string{"write"}
		h := resource.Guard{Verifier: says(claims("read")), Resource: api}.Require(scopes...)(passed)
		scopes[0] = "read"
		if res, _ := send(h, with("tok")); res.StatusCode != http.StatusForbidden {
			t.Errorf("got %d", res.StatusCode)
		}
	})
}

func TestClaims(t *testing.T) {
	t.Run("there are none where no guard stood", func(t *testing.T) {
		if c, ok := resource.Claims(with("tok")); ok {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("the inner of two guards decides what the handler sees", func(t *testing.T) {
		outer := resource.Guard{Verifier: says(claims()), Resource: api}
		c := claims("write")
		c.Subject = "bob"
		inner := resource.Guard{Verifier: says(c), Resource: api}
		if _, body := send(outer.Require()(inner.Require("write")(passed)), with("tok")); body != "bob" {
			t.Errorf("got %s", body)
		}
	})
}

func TestGuardRefuses(t *testing.T) {
	bound := claims("read")
	bound.Confirmation = map[string]string{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}
	emptyBound := claims("read")
	emptyBound.Confirmation = map[string]string{}
	other := claims("read")
	other.Audience = []string{"https://other.example", api + "/", strings.ToUpper(api), issuer}
	nobody := claims("read")
	nobody.Audience, nobody.Issuer = []string{""}, ""
	retry := oautherr.TemporarilyUnavailable.Because(nil, "later")
	retry.RetryAfter = 1500 * time.Millisecond

	for _, c := range []struct {
		name      string
		verifier  resource.Verifier
		resource  string
		needs     []string
		status    int
		code      string
		retry     string
		scope     string
		nochallen bool
	}{
		{name: "OI-11 an invalid token, and says so", verifier: fails(oautherr.InvalidToken.Because(nil, "secret detail")), status: 401, code: "invalid_token"},
		{name: "a bare invalid_token", verifier: fails(oautherr.InvalidToken), status: 401, code: "invalid_token"},
		{name: "a wrapped invalid_token", verifier: fails(fmt.Errorf("secret detail: %w", oautherr.InvalidToken)), status: 401, code: "invalid_token"},
		{name: "a token for other audiences", verifier: says(other), resource: api, status: 401, code: "invalid_token"},
		{name: "a token for a named resource where the API has no name", verifier: says(claims("read")), status: 401, code: "invalid_token"},
		{name: "a token without issuer where the API has no name", verifier: says(nobody), status: 401, code: "invalid_token"},
		{name: "a verifier that returns nothing at all", verifier: says(token.Claims{}), status: 401, code: "invalid_token"},
		{name: "a token that is bound to a key, presented by a bearer", verifier: says(bound), resource: api, status: 401, code: "invalid_token"},
		{name: "a token that is bound in a way nobody can read", verifier: says(emptyBound), resource: api, status: 401, code: "invalid_token"},
		{name: "OI-11 a token without the scope, naming all that is needed", verifier: says(claims("read")), resource: api, needs: []string{"read", "write"}, status: 403, code: "insufficient_scope", scope: "read write"},
		{name: "a scope that only begins like the needed one", verifier: says(claims("read:all", "READ")), resource: api, needs: []string{"read"}, status: 403, code: "insufficient_scope", scope: "read"},
		{name: "nobody when the verifier is in trouble", verifier: fails(errors.New("secret detail")), status: 503, code: "temporarily_unavailable", retry: "1", nochallen: true},
		{name: "nobody when the verifier gave up waiting", verifier: fails(context.DeadlineExceeded), status: 503, code: "temporarily_unavailable", retry: "1", nochallen: true},
		{name: "nobody when the verifier says when to come back", verifier: fails(retry), status: 503, code: "temporarily_unavailable", retry: "2", nochallen: true},
		{name: "nobody when the verifier blames the client for something else", verifier: fails(oautherr.InvalidClient.Because(nil, "secret detail")), status: 503, code: "temporarily_unavailable", retry: "1", nochallen: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			guard := resource.Guard{Verifier: c.verifier, Resource: c.resource}
			res, body := send(guard.Require(c.needs...)(passed), with("tok"))
			if res.StatusCode != c.status {
				t.Fatalf("got %d %s, want %d", res.StatusCode, body, c.status)
			}
			var said struct {
				Error       string `json:"error"`
				Description string `json:"error_description"`
			}
			require.NoError(t, json.Unmarshal([]byte(body), &said))
			require.Equal(t, c.code, said.Error)
			require.NotEmpty(t, said.Description)
			require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
			require.Equal(t, "application/json", res.Header.Get("Content-Type"))
			require.Equal(t, c.retry, res.Header.Get("Retry-After"))
			require.NotContains(t, fmt.Sprint(body, res.Header), "secret detail", "internals are not sent")
			if c.nochallen {
				require.Empty(t, res.Header.Values("WWW-Authenticate"), "another token would not help")
				return
			}
			got := challenge(t, res)
			require.Equal(t, c.code, got["error"])
			require.Equal(t, said.Description, got["error_description"])
			require.Equal(t, c.scope, got["scope"])
			require.NotEmpty(t, got["realm"])
		})
	}
}

func TestRealm(t *testing.T) {
	for want, guard := range map[string]resource.Guard{
		"notes": {Verifier: says(claims()), Resource: api, Realm: "notes"},
		api:     {Verifier: says(claims()), Resource: api},
		"api":   {Verifier: says(claims())},
	} {
		t.Run("it is "+want, func(t *testing.T) {
			res, _ := send(guard.Require()(passed), httptest.NewRequest(http.MethodGet, api, nil))
			if got := challenge(t, res)["realm"]; got != want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestImplies(t *testing.T) {
	admin := func(held, needed string) bool { return held == "admin" || held == "write" && needed == "read" }
	for _, c := range []struct {
		name   string
		holds  []string
		needs  []string
		status int
	}{
		{"a broader scope does for a narrower one", []string{"write"}, []string{"read"}, 200},
		{"one scope may do for several", []string{"admin"}, []string{"read", "write"}, 200},
		{"a broader scope stands beside the others", []string{"other", "write"}, []string{"read", "write"}, 200},
		{"a narrower scope does not do for a broader one", []string{"read"}, []string{"write"}, 403},
		{"one of two is not enough", []string{"write"}, []string{"read", "delete"}, 403},
		{"a token without scopes implies nothing", nil, []string{"read"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			guard := resource.Guard{Verifier: says(claims(c.holds...)), Resource: api, Implies: admin}
			if res, _ := send(guard.Require(c.needs...)(passed), with("tok")); res.StatusCode != c.status {
				t.Errorf("got %d, want %d", res.StatusCode, c.status)
			}
		})
	}
}

func TestMisconfiguration(t *testing.T) {
	t.Run("every problem is reported at once, with its field", func(t *testing.T) {
		err := resource.Guard{
			Resource: "/relative", Realm: "a\"b", Scopes: []string{"two words"}, AuthorizationServers: []string{"as.example", "https://as.example?x"},
		}.Validate()
		require.Error(t, err)
		for _, want := range []string{
			"Guard.Verifier is nil", `Guard.Resource is "/relative"`, "Guard.Realm is", `Guard.Scopes has "two words"`,
			`Guard.AuthorizationServers has "as.example"`, `Guard.AuthorizationServers has "https://as.example?x"`, "Guard.Resource is not the https URL",
		} {
			require.ErrorContains(t, err, want)
		}
	})
	good := resource.Guard{Verifier: says(claims()), Resource: api, AuthorizationServers: []string{issuer}, Scopes: []string{"read"}, Realm: "notes (v1)"}
	require.NoError(t, good.Validate())
	t.Run("a URN is a good identifier as long as there is no metadata", func(t *testing.T) {
		require.NoError(t, resource.Guard{Verifier: says(claims()), Resource: "urn:example:notes"}.Validate())
	})
	for name, edit := range map[string]func(*resource.Guard){
		"no verifier":                         func(g *resource.Guard) { g.Verifier = nil },
		"an identifier with a fragment":       func(g *resource.Guard) { g.Resource = api + "#" },
		"an identifier with a space":          func(g *resource.Guard) { g.Resource = api + " " },
		"an identifier that breaks a header":  func(g *resource.Guard) { g.Resource = api + "\r\nX: y" },
		"an identifier with a quotation mark": func(g *resource.Guard) { g.Resource = api + `"` },
		"metadata without an identifier":      func(g *resource.Guard) { g.Resource = "" },
		"metadata for a URN":                  func(g *resource.Guard) { g.Resource = "urn:example:notes" },
		"metadata over plain http":            func(g *resource.Guard) { g.Resource = "http://api.example" },
		"metadata for a query":                func(g *resource.Guard) { g.Resource = api + "?tenant=1" },
		"metadata for a password":             func(g *resource.Guard) { g.Resource = "https://me:pw@api.example" },
		"metadata for a path with dots":       func(g *resource.Guard) { g.Resource = "https://api.example/a/../b" },
		"metadata for a path with two slashes": func(g *resource.Guard) {
			g.Resource = "https://api.example//b"
		},
	} {
		t.Run(name+" stops the program at start-up", func(t *testing.T) {
			g := good
			edit(&g)
			require.Error(t, g.Validate())
			require.Panics(t, func() { g.Require("read") })
			require.Panics(t, func() { g.Metadata() })
		})
	}
	for _, scope := range []string{"", "two words", `quo"te`, "back\\slash", "naïve", "line\nbreak"} {
		t.Run(fmt.Sprintf("needing the scope %q stops the program at start-up", scope), func(t *testing.T) {
			require.Panics(t, func() { good.Require("read", scope) })
		})
	}
	t.Run("metadata that names no authorization server stops the program at start-up", func(t *testing.T) {
		g := good
		g.AuthorizationServers = nil
		require.Panics(t, func() { g.Metadata() })
	})
}

func TestLog(t *testing.T) {
	const secretToken = "tok-that-nobody-may-read"
	logOf := func(v resource.Verifier, needs ...string) string {
		var b strings.Builder
		logger := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))
		guard := resource.Guard{Verifier: v, Resource: api, Logger: logger}
		send(guard.Require(needs...)(passed), with(secretToken))
		require.NotContains(t, b.String(), secretToken)
		return b.String()
	}
	for _, c := range []struct {
		name     string
		verifier resource.Verifier
		want     []string
	}{
		{"a refused token is an Info with its cause", fails(oautherr.InvalidToken.Because(errors.New("the key is gone"), "x")), []string{"level=INFO", "error=invalid_token", "the key is gone"}},
		{"a missing scope is an Info that says whose token it was", says(claims()), []string{"level=INFO", "error=insufficient_scope", "client_id=web", "subject=alice"}},
		{"trouble is an Error with its cause", fails(errors.New("no route to host")), []string{"level=ERROR", "no route to host"}},
		{"a long cause is cut", fails(errors.New(strings.Repeat("x", 5000))), []string{"…"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := logOf(c.verifier, "read")
			for _, want := range c.want {
				require.Contains(t, got, want)
			}
			require.Less(t, len(got), 600)
		})
	}
	t.Run("a token that passes is nothing to tell", func(t *testing.T) {
		require.Empty(t, logOf(says(claims("read")), "read"))
	})
}
