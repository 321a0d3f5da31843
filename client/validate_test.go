package client_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/secret"
)

// generated is a digest of a secret of our own format, imported one of somebody
// else's.
var (
	generated = (*secret.Peppers)(nil).Digest(secret.Format{}.New(secret.ClientSecret))
	imported  = secret.Digest("$2b$04$abcdefghijklmnopqrstuu5ZQjQmS1fIVFNBhJgfX2j9c7QH8r5mW")
)

// web is a client that nothing is wrong with.
func web() client.Client {
	return client.Client{
		ID: "web", Name: "Web", Secrets: []client.Secret{{ID: "s1", Digest: generated}},
		GrantTypes:   []string{client.AuthorizationCode, client.RefreshToken, client.ClientCredentials},
		RedirectURIs: []string{"https://c.example/cb"},
		Scopes:       []string{"read", "write"}, DefaultScopes: []string{"read"},
		AllowedOrigins: []string{"https://c.example"},
	}
}

// native is another, public and on a device.
func native() client.Client {
	return client.Client{
		ID: "native", AuthMethods: []string{client.MethodNone},
		ApplicationType: client.Native, GrantTypes: []string{client.AuthorizationCode},
		RedirectURIs: []string{"http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cb", "com.example.app:/cb"},
	}
}

// fields are the fields that Validate complains about, each as often as it does.
func fields(t *testing.T, err error) (names []string) {
	t.Helper()
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok, "%T is not joined", err)
	for _, e := range joined.Unwrap() {
		var field *client.FieldError
		require.ErrorAs(t, e, &field)
		if field.Problem == "" || !strings.HasPrefix(field.Error(), field.Field+" ") {
			t.Errorf("%q does not say what is wrong with %s", field.Error(), field.Field)
		}
		names = append(names, field.Field)
	}
	return names
}

func TestValidate(t *testing.T) {
	t.Run("nothing is wrong with an ordinary client", func(t *testing.T) {
		for _, c := range []client.Client{
			web(), native(),
			{ID: "a b~", Secrets: []client.Secret{{Digest: imported}, {Digest: generated}}, GrantTypes: []string{client.Password}},
			{ID: "rs", Secrets: []client.Secret{{Digest: generated}}, IntrospectAny: true},
			{ID: "keyed", AuthMethods: []string{"private_key_jwt"}, GrantTypes: []string{client.ClientCredentials}},
		} {
			if err := c.Validate(); err != nil {
				t.Errorf("client %s: %v", c.ID, err)
			}
		}
	})

	for _, c := range []struct {
		name  string
		edit  func(*client.Client)
		field string
		says  string
	}{
		{"no ID", func(c *client.Client) { c.ID = "" }, "ID", "is empty"},
		{"an ID that is too long", func(c *client.Client) { c.ID = strings.Repeat("a", 256) }, "ID", "255"},
		{"an ID with a NUL", func(c *client.Client) { c.ID = "a\x00" }, "ID", "printable ASCII"},
		{"an ID beyond ASCII", func(c *client.Client) { c.ID = "clïent" }, "ID", "printable ASCII"},
		{"an application type nobody knows", func(c *client.Client) { c.ApplicationType = "desktop" }, "ApplicationType", `"native"`},
		{"a principal that is too long", func(c *client.Client) { c.Principal = strings.Repeat("p", 256) }, "Principal", "255"},
		{"none beside a method that proves something", func(c *client.Client) {
			c.AuthMethods = []string{client.MethodNone, client.MethodSecretBasic}
		}, "AuthMethods", "mixes"},
		{"CR-3.6 a method that needs secrets in the clear", func(c *client.Client) {
			c.AuthMethods = []string{client.MethodSecretBasic, "client_secret_jwt"}
		}, "AuthMethods", "private_key_jwt"},
		{"a secret method without a secret", func(c *client.Client) {
			c.AuthMethods, c.Secrets = []string{client.MethodSecretPost}, nil
		}, "Secrets", "is empty"},
		{"a secret nothing uses", func(c *client.Client) { c.AuthMethods = []string{"private_key_jwt"} }, "Secrets", "no method"},
		{"a secret without a digest", func(c *client.Client) { c.Secrets[0].Digest = "" }, "Secrets", "index 0"},
		{"two imported digests", func(c *client.Client) {
			c.Secrets = []client.Secret{{Digest: imported}, {Digest: imported}}
		}, "Secrets", "imported"},
		{"the implicit grant", func(c *client.Client) { c.GrantTypes = append(c.GrantTypes, "implicit") }, "GrantTypes", "OAuth 2.1"},
		{"no redirect URI for the code grant", func(c *client.Client) { c.RedirectURIs = nil }, "RedirectURIs", "is empty"},
		{"a redirect URI for nothing", func(c *client.Client) { c.GrantTypes = []string{client.ClientCredentials} }, "RedirectURIs", "no grant"},
		{"a scope with a space", func(c *client.Client) { c.Scopes = append(c.Scopes, "a b") }, "Scopes", "scope-token"},
		{"an empty scope", func(c *client.Client) { c.Scopes = append(c.Scopes, "") }, "Scopes", "scope-token"},
		{"a default scope beyond the registered ones", func(c *client.Client) { c.DefaultScopes = []string{"admin"} }, "DefaultScopes", `"admin"`},
		{"an origin with a path", func(c *client.Client) { c.AllowedOrigins = []string{"https://c.example/"} }, "AllowedOrigins", "lower case"},
		{"an origin in capitals", func(c *client.Client) { c.AllowedOrigins = []string{"https://C.example"} }, "AllowedOrigins", "lower case"},
		{"any origin", func(c *client.Client) { c.AllowedOrigins = []string{"*"} }, "AllowedOrigins", "scheme://host"},
		{"no origin", func(c *client.Client) { c.AllowedOrigins = []string{"null"} }, "AllowedOrigins", "scheme://host"},
	} {
		t.Run(c.name+" is a problem of "+c.field, func(t *testing.T) {
			edited := web()
			c.edit(&edited)
			err := edited.Validate()
			require.Equal(t, []string{c.field}, fields(t, err), "%v", err)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not mention %s", err, c.says)
			}
		})
	}

	for _, c := range []struct {
		name  string
		edit  func(*client.Client)
		field string
	}{
		{"client credentials", func(c *client.Client) { c.GrantTypes = append(c.GrantTypes, client.ClientCredentials) }, "GrantTypes"},
		{"the password grant", func(c *client.Client) { c.GrantTypes = append(c.GrantTypes, client.Password) }, "GrantTypes"},
		{"the code grant without PKCE", func(c *client.Client) { c.InsecureWithoutPKCE = true }, "InsecureWithoutPKCE"},
		{"other clients' tokens", func(c *client.Client) { c.IntrospectAny = true }, "IntrospectAny"},
	} {
		t.Run("a public client cannot have "+c.name, func(t *testing.T) {
			edited := native()
			c.edit(&edited)
			require.Equal(t, []string{c.field}, fields(t, edited.Validate()))
		})
	}

	t.Run("all problems are reported at once, field by field", func(t *testing.T) {
		c := client.Client{
			ID: "\n", ApplicationType: "toaster", AuthMethods: []string{client.MethodNone, "client_secret_jwt"},
			Secrets: []client.Secret{{}}, GrantTypes: []string{client.AuthorizationCode, "implicit"},
			RedirectURIs: []string{"http://c.example/", "javascript:alert(1)"},
			Scopes:       []string{`"`}, DefaultScopes: []string{"x"}, AllowedOrigins: []string{"c.example"},
			Principal: strings.Repeat("p", 300),
		}
		got := fields(t, c.Validate())
		want := []string{
			"ID", "ApplicationType", "Principal", "AuthMethods", "AuthMethods", "Secrets", "Secrets", "GrantTypes",
			"RedirectURIs", "RedirectURIs", "Scopes", "DefaultScopes", "AllowedOrigins",
		}
		require.Equal(t, want, got)
	})
}

func TestValidScope(t *testing.T) {
	for s, want := range map[string]bool{
		"read": true, "a:b/c.d-e_f~!#$%&'()*+,;<=>?@[]^`{|}": true, strings.Repeat("a", 255): true,
		"": false, "a b": false, `a"b`: false, `a\b`: false, "a\tb": false, "a\x7f": false, "ä": false,
		strings.Repeat("a", 256): false,
	} {
		if got := client.ValidScope(s); got != want {
			t.Errorf("ValidScope(%q): got %v, want %v", s, got, want)
		}
	}
}

func TestAClientsRights(t *testing.T) {
	t.Run("without methods, secrets decide whether a client is public", func(t *testing.T) {
		confidential, public := web(), native()
		for _, c := range []struct {
			client *client.Client
			public bool
			may    string
			mayNot []string
		}{
			{&confidential, false, client.MethodSecretBasic, []string{client.MethodNone, "private_key_jwt", ""}},
			{&confidential, false, client.MethodSecretPost, nil},
			{&public, true, client.MethodNone, []string{client.MethodSecretBasic, client.MethodSecretPost, ""}},
			{&client.Client{AuthMethods: []string{client.MethodSecretPost}}, false, client.MethodSecretPost, []string{client.MethodSecretBasic, client.MethodNone}},
			{&client.Client{ID: "its last secret was removed"}, false, client.MethodSecretBasic, []string{client.MethodNone}},
			{&client.Client{AuthMethods: []string{client.MethodNone}}, true, client.MethodNone, []string{client.MethodSecretBasic}},
		} {
			if c.client.Public() != c.public || !c.client.MayAuthenticateBy(c.may) {
				t.Errorf("client %+v: public %v, may %s %v", c.client, c.client.Public(), c.may, c.client.MayAuthenticateBy(c.may))
			}
			for _, m := range c.mayNot {
				if c.client.MayAuthenticateBy(m) {
					t.Errorf("client %q may authenticate by %q", c.client.ID, m)
				}
			}
		}
	})
	t.Run("the zero Client may do nothing", func(t *testing.T) {
		var c client.Client
		if c.MayUse("") || c.MayUse(client.ClientCredentials) || c.MayAsk("") || c.MayAsk("read") ||
			c.MatchRedirectURI("") || c.MatchRedirectURI("https://c.example/cb") || c.AllowsOrigin("") || c.AllowsOrigin("null") {
			t.Errorf("it may: %+v", c)
		}
	})
	t.Run("a resource list restricts, none does not", func(t *testing.T) {
		c := web()
		require.True(t, c.MayName("https://api.example"))
		c.Resources = []string{"https://api.example"}
		if !c.MayName("https://api.example") || c.MayName("https://api.example/") || c.MayName("https://other.example") {
			t.Error("the list is not compared exactly")
		}
	})
	t.Run("BR-04 an origin is allowed byte by byte, and null never", func(t *testing.T) {
		c := web()
		c.AllowedOrigins = append(c.AllowedOrigins, "null", "")
		for origin, want := range map[string]bool{
			"https://c.example": true, "https://C.example": false, "http://c.example": false, "https://c.example:443": false,
			"https://c.example.evil": false, "https://c.example/": false, "null": false, "": false,
		} {
			if got := c.AllowsOrigin(origin); got != want {
				t.Errorf("origin %q: got %v, want %v", origin, got, want)
			}
		}
	})
}

func TestNewStatic(t *testing.T) {
	t.Run("it finds what it was made of and nothing else", func(t *testing.T) {
		s, err := client.NewStatic(web(), native())
		require.NoError(t, err)
		for _, id := range []string{"web", "native"} {
			c, err := s.Client(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, id, c.ID)
		}
		for _, id := range []string{"", "WEB", "web ", "other"} {
			if c, err := s.Client(t.Context(), id); !errors.Is(err, client.ErrNotFound) || c != nil {
				t.Errorf("client %q: got %v, %v", id, c, err)
			}
		}
	})
	t.Run("it keeps its own copies", func(t *testing.T) {
		clients := []client.Client{web()}
		s, err := client.NewStatic(clients...)
		require.NoError(t, err)
		clients[0].Name, clients[0].Disabled = "changed", true
		c, err := client.Lookup(t.Context(), s, "web")
		require.NoError(t, err)
		require.Equal(t, "Web", c.Name)
	})
	t.Run("the problems of all clients are reported, each with its client", func(t *testing.T) {
		first, second := web(), native()
		first.RedirectURIs, second.ID, second.GrantTypes = nil, "web", append(second.GrantTypes, "implicit")
		_, err := client.NewStatic(first, second)
		require.Error(t, err)
		for _, want := range []string{
			`client "web": RedirectURIs is empty`, `client "web": GrantTypes has implicit`, `client "web": ID is used by two clients`,
		} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in: %v", want, err)
			}
		}
		var field *client.FieldError
		require.ErrorAs(t, err, &field)
	})
	t.Run("none is fine", func(t *testing.T) {
		s, err := client.NewStatic()
		require.NoError(t, err)
		_, err = s.Client(t.Context(), "x")
		require.ErrorIs(t, err, client.ErrNotFound)
	})
}

func TestLookup(t *testing.T) {
	asked := 0
	trouble := errors.New("database gone")
	source := sourceFunc(func(id string) (*client.Client, error) {
		asked++
		switch id {
		case "here":
			return &client.Client{ID: id}, nil
		case "off":
			return &client.Client{ID: id, Disabled: true}, nil
		case "nil":
			return nil, nil
		case "trouble":
			return nil, trouble
		}
		return nil, fmt.Errorf("no row: %w", client.ErrNotFound)
	})
	for _, c := range []struct {
		name, id string
		want     error
		asked    int
	}{
		{"an enabled client is found", "here", nil, 1},
		{"a disabled one is not", "off", client.ErrNotFound, 1},
		{"nor is one that does not exist", "gone", client.ErrNotFound, 1},
		{"a source that returns nothing at all has found nothing", "nil", client.ErrNotFound, 1},
		{"trouble is passed on", "trouble", trouble, 1},
		{"AZ-19 an empty id never reaches the source", "", client.ErrNotFound, 0},
		{"AZ-19 nor one with a NUL", "a\x00b", client.ErrNotFound, 0},
		{"AZ-19 nor one that is not UTF-8", "\xff", client.ErrNotFound, 0},
		{"AZ-19 nor one of 8 kB", strings.Repeat("a", 8<<10), client.ErrNotFound, 0},
		{"AZ-19 nor one with a line break", "here\n", client.ErrNotFound, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked = 0
			got, err := client.Lookup(t.Context(), source, c.id)
			if !errors.Is(err, c.want) || (got == nil) != (c.want != nil) || asked != c.asked {
				t.Errorf("got %v, %v after %d questions; want %v after %d", got, err, asked, c.want, c.asked)
			}
		})
	}
}
