package grantor_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/token"
)

// minimal is the smallest Config there is.
func minimal(t *testing.T) grantor.Config {
	t.Helper()
	clients, err := client.NewStatic()
	require.NoError(t, err)
	return grantor.Config{Issuer: issuer, Clients: clients, Store: memory.New(), AccessTokens: token.Opaque{}}
}

// problems are what New says of a Config, each as field and problem.
func problems(t *testing.T, c grantor.Config) (all []*grantor.ConfigError) {
	t.Helper()
	_, err := grantor.New(c)
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok, "%T is not joined", err)
	for _, err := range joined.Unwrap() {
		var problem *grantor.ConfigError
		require.True(t, errors.As(err, &problem), "%v", err)
		all = append(all, problem)
	}
	return all
}

func session(*http.Request) (*grantor.Session, error) { return nil, nil }

func TestConfigProblems(t *testing.T) {
	t.Run("the smallest config is fine, and so is every example of the fixture", func(t *testing.T) {
		require.Empty(t, problems(t, minimal(t)))
		require.Empty(t, problems(t, newFixture(t).config))
	})
	for _, c := range []struct {
		field, name, remedy string
		edit                func(*grantor.Config)
	}{
		{"Issuer", "empty", "set the https URL", func(c *grantor.Config) { c.Issuer = "" }},
		{"Issuer", "relative", "is not an absolute", func(c *grantor.Config) { c.Issuer = "as.example" }},
		{"Issuer", "of another scheme", "is not an absolute", func(c *grantor.Config) { c.Issuer = "ftp://as.example" }},
		{"Issuer", "not a URL", "is not an absolute", func(c *grantor.Config) { c.Issuer = "https://as example" }},
		{"Issuer", "with a query", "remove it", func(c *grantor.Config) { c.Issuer += "?a=b" }},
		{"Issuer", "with an empty query", "remove it", func(c *grantor.Config) { c.Issuer += "?" }},
		{"Issuer", "with an empty fragment", "remove it", func(c *grantor.Config) { c.Issuer += "#" }},
		{"Issuer", "with a user", "remove it", func(c *grantor.Config) { c.Issuer = "https://user@as.example" }},
		{"Issuer", "with a slash at the end", "remove it", func(c *grantor.Config) { c.Issuer += "/" }},
		{"Issuer", "with an escape", "plain segments", func(c *grantor.Config) { c.Issuer += "/%61" }},
		{"Issuer", "with dots", "plain segments", func(c *grantor.Config) { c.Issuer += "/a/../b" }},
		{"Issuer", "with two slashes", "plain segments", func(c *grantor.Config) { c.Issuer += "//b" }},
		{"Issuer", "with a pattern", "plain segments", func(c *grantor.Config) { c.Issuer += "/{tenant}" }},
		{"Issuer", "plain http", "InsecureAllowHTTP", func(c *grantor.Config) { c.Issuer = "http://as.example" }},
		{"Clients", "nil", "client.Source", func(c *grantor.Config) { c.Clients = nil }},
		{"Clients", "a nil pointer", "client.Source", func(c *grantor.Config) { c.Clients = (*client.Static)(nil) }},
		{"Store", "nil", "memory.New", func(c *grantor.Config) { c.Store = nil }},
		{"Store", "a nil pointer", "memory.New", func(c *grantor.Config) { c.Store = (*memory.Store)(nil) }},
		{"Keys", "nil with JWTs by default", "token.Opaque{}", func(c *grantor.Config) { c.AccessTokens = nil }},
		{"Keys", "nil with JWTs for a resource", "token.Opaque{}", func(c *grantor.Config) {
			c.Resources = []grantor.Resource{{Identifier: "https://api.example", AccessTokens: &token.JWT{}}}
		}},
		{"Keys", "a nil pointer", "token.KeySource", func(c *grantor.Config) { c.Keys = (*token.StaticKeys)(nil) }},
		{"Session", "nil beside Interact", "set it too", func(c *grantor.Config) { c.Interact = grantor.Pages{}.Interact }},
		{"Interact", "nil beside Session", "Pages{Login:", func(c *grantor.Config) { c.Session = session }},
		{"Scopes", "malformed", "scope-token", func(c *grantor.Config) { c.Scopes = []string{"a b"} }},
		{"Audience", "with a line break", "identifier", func(c *grantor.Config) { c.Audience = "a\nb" }},
		{"AccessTokens", "half a JWT format", "Keys is nil", func(c *grantor.Config) { c.AccessTokens = &token.JWT{Issuer: issuer, Leeway: time.Hour} }},
		{"AccessTokens", "a nil pointer", "&token.JWT{}", func(c *grantor.Config) { c.AccessTokens = (*token.JWT)(nil); c.Keys = brokenKeys{} }},
		{"Resources", "relative", "absolute URI", func(c *grantor.Config) { c.Resources = []grantor.Resource{{Identifier: "/api"}} }},
		{"Resources", "empty", "absolute URI", func(c *grantor.Config) { c.Resources = []grantor.Resource{{}} }},
		{"Resources", "with a fragment", "without fragment", func(c *grantor.Config) { c.Resources = []grantor.Resource{{Identifier: "https://api.example#x"}} }},
		{"Resources", "twice", "keep one", func(c *grantor.Config) {
			c.Resources = []grantor.Resource{{Identifier: "https://api.example"}, {Identifier: "https://api.example"}}
		}},
		{"Resources", "with a malformed scope", "scope-token", func(c *grantor.Config) {
			c.Resources = []grantor.Resource{{Identifier: "https://api.example", Scopes: []string{`"`}}}
		}},
		{"Resources", "with half a format", "Issuer is empty", func(c *grantor.Config) {
			c.Resources = []grantor.Resource{{Identifier: "https://api.example", AccessTokens: &token.JWT{Keys: brokenKeys{}}}}
		}},
		{"Resources", "with a negative lifetime", "use 0", func(c *grantor.Config) {
			c.Resources = []grantor.Resource{{Identifier: "https://api.example", Lifetime: -1}}
		}},
		{"Resources", "with a lifetime of a week", "24h", func(c *grantor.Config) {
			c.Resources = []grantor.Resource{{Identifier: "https://api.example", Lifetime: 7 * 24 * time.Hour}}
		}},
		{"Lifetimes.Code", "negative", "or 0 for the default", func(c *grantor.Config) { c.Lifetimes.Code = -time.Second }},
		{"Lifetimes.Code", "too long", "10m", func(c *grantor.Config) { c.Lifetimes.Code = time.Hour }},
		{"Lifetimes.AccessToken", "shorter than a second", "less than a second", func(c *grantor.Config) { c.Lifetimes.AccessToken = time.Millisecond }},
		{"Lifetimes.AccessToken", "too long", "24h", func(c *grantor.Config) { c.Lifetimes.AccessToken = 25 * time.Hour }},
		{"Lifetimes.RefreshIdle", "negative", "positive", func(c *grantor.Config) { c.Lifetimes.RefreshIdle = -1 }},
		{"Lifetimes.Refresh", "negative", "positive", func(c *grantor.Config) { c.Lifetimes.Refresh = -1 }},
		{"Lifetimes.RefreshRetry", "too long", "10m", func(c *grantor.Config) { c.Lifetimes.RefreshRetry = time.Hour }},
		{"Lifetimes.Interaction", "too long", "24h", func(c *grantor.Config) { c.Lifetimes.Interaction = 48 * time.Hour }},
		{"Lifetimes.Consent", "negative", "positive", func(c *grantor.Config) { c.Lifetimes.Consent = -1 }},
		{"Secrets.Brand", "malformed", "not usable", func(c *grantor.Config) { c.Secrets.Brand = "Not A Brand" }},
		{"Secrets.Decoys", "fast", "imported", func(c *grantor.Config) { c.Secrets.Decoys = []secret.Digest{digests()["m2m"]} }},
		{"Extensions", "nil", "remove it", func(c *grantor.Config) { c.Extensions = []grantor.Extension{nil} }},
	} {
		t.Run(c.field+" "+c.name+" is one problem, with its field and a remedy", func(t *testing.T) {
			config := minimal(t)
			c.edit(&config)
			got := problems(t, config)
			require.Len(t, got, 1, "%v", got)
			if got[0].Field != c.field || !strings.Contains(got[0].Problem, c.remedy) {
				t.Errorf("got %v; want field %s and %q", got[0], c.field, c.remedy)
			}
			if want := "grantor: Config." + c.field + " "; !strings.HasPrefix(got[0].Error(), want) {
				t.Errorf("got %q, want it to begin with %q", got[0].Error(), want)
			}
		})
	}
	t.Run("a config that is wrong everywhere is reported whole", func(t *testing.T) {
		got := problems(t, grantor.Config{
			Issuer: "http://as.example", Session: session, Scopes: []string{"a b", ""}, Audience: "\x00",
			Resources: []grantor.Resource{{Identifier: "x"}}, Lifetimes: grantor.Lifetimes{Code: -1, Consent: -1},
			Secrets: grantor.Secrets{Brand: "-"}, Extensions: []grantor.Extension{nil},
		})
		var fields []string
		for _, p := range got {
			fields = append(fields, p.Field)
		}
		want := []string{
			"Issuer", "Clients", "Store", "Keys", "Interact", "Scopes", "Scopes", "Audience", "Resources",
			"Lifetimes.Code", "Lifetimes.Consent", "Secrets.Brand", "Extensions",
		}
		if !slices.Equal(fields, want) {
			t.Errorf("got %v\nwant %v", fields, want)
		}
	})
	t.Run("plain http is fine for loopback, and elsewhere when the operator says so", func(t *testing.T) {
		for _, iss := range []string{"http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost/as", "http://as.example"} {
			c := minimal(t)
			c.Issuer, c.InsecureAllowHTTP = iss, iss == "http://as.example"
			require.Empty(t, problems(t, c), iss)
		}
	})
	t.Run("what an extension says is among the problems, and extensions that clash are named", func(t *testing.T) {
		c := minimal(t)
		c.Extensions = []grantor.Extension{
			extend(func(*grantor.Builder) error { return errors.New("the moon is full") }),
			extend(func(b *grantor.Builder) error { return b.Grant(grantHandler{"client_credentials"}) }),
		}
		_, err := grantor.New(c)
		for _, want := range []string{"the moon is full", "two handlers for the grant type client_credentials"} {
			require.ErrorContains(t, err, want)
		}
	})
	t.Run("New does not touch the store", func(t *testing.T) {
		c := minimal(t)
		c.Store = noStore{}
		_, err := grantor.New(c)
		require.NoError(t, err)
	})
}

func TestZeroLifetimesAreTheDefaults(t *testing.T) {
	f := newFixture(t)
	res := f.tokens("conf-a")
	require.EqualValues(t, 600, res.json(t)["expires_in"])
	for _, c := range []struct {
		what  string
		after time.Duration
		works bool
	}{
		{"a refresh token on its fourteenth day", 14*24*time.Hour - time.Minute, true},
		{"a refresh token a day after that", 15 * 24 * time.Hour, false},
	} {
		t.Run(fmt.Sprintf("%s: %v", c.what, c.works), func(t *testing.T) {
			f := newFixture(t)
			refresh := f.tokens("conf-a").str(t, "refresh_token")
			f.advance(c.after)
			if got := f.post("/token", "conf-a", refreshForm(refresh)).StatusCode == http.StatusOK; got != c.works {
				t.Errorf("got %v", got)
			}
		})
	}
}
