package config_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/examples/server/internal/config"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/token"
)

// good is a file that uses every member there is.
const good = `{
  "issuer": "https://as.example",
  "listen": "127.0.0.1:9000",
  "tls": {"cert_file": "cert.pem", "key_file": "key.pem"},
  "scopes": ["read", "write"],
  "users": [
    {"username": "alice", "password": "pw-alice", "claims": {"sub": "1", "email": "alice@example.org", "address": {"country": "NL"}}},
    {"username": "bob", "password": "pw-bob", "claims": {"sub": "2"}}
  ],
  "clients": [
    {"client_id": "web", "client_secret": "s%c+r e:t&x", "client_name": "Web", "redirect_uris": ["https://web.example/cb"],
     "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "scope": "read write offline_access",
     "require_pkce": false, "allowed_cors_origins": ["https://web.example"], "introspection_allowed": true,
     "post_logout_redirect_uris": ["https://web.example/bye"], "jwks": {"keys": []}, "subject_type": "public",
     "dpop_bound_access_tokens": false, "software_id": "ignored", "contacts": null},
    {"client_id": "app with spaces", "application_type": "native", "token_endpoint_auth_method": "none",
     "redirect_uris": ["http://127.0.0.1/cb"]},
    {"client_id": "old", "client_secret": "old-secret", "token_endpoint_auth_method": "client_secret_post", "grant_types": ["password"], "scope": "read"},
    {"client_id": "api", "client_secret": "api-secret", "introspection_allowed": true}
  ],
  "resources": [
    {"identifier": "https://api.example", "scopes": ["read"], "access_token_format": "jwt"},
    {"identifier": "https://other.example", "scopes": ["admin"], "access_token_format": "opaque"},
    {"identifier": "https://third.example"}
  ],
  "registration": {"enabled": false, "initial_access_token": "x"},
  "client_id_metadata_documents": {"enabled": false},
  "refresh_retry": 12,
  "store": {"driver": "memory"},
  "allow_loopback_fetch": true
}`

// minimal is the smallest file; edits go where the mark is.
const minimal = `{"issuer": "http://127.0.0.1:9000", "listen": "127.0.0.1:9000"}`

// with is the minimal file with further members.
func with(members string) string { return strings.Replace(minimal, "}", ", "+members+"}", 1) }

// oneClient is the minimal file with one client that has further members.
func oneClient(more string) string {
	return with(`"scopes": ["read"], "clients": [{"client_id": "c1", ` + more + `}]`)
}

// pair is a certificate and its key, in one PEM text.
var pair = sync.OnceValue(func() []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
})

// parse reads a configuration whose TLS files are fine.
func parse(text []byte) (*config.File, error) { return config.Parse(text, pair()) }

const confidential = `"client_secret": "x"`

func TestRead(t *testing.T) {
	hasher := &secret.Slow{}
	both := filepath.Join(t.TempDir(), "both.pem")
	require.NoError(t, os.WriteFile(both, pair(), 0o600))
	f, err := config.Read(t.Context(), []byte(strings.NewReplacer("cert.pem", both, "key.pem", both).Replace(good)), hasher)
	require.NoError(t, err)

	t.Run("the file says where the server is", func(t *testing.T) {
		require.Equal(t, []string{"https://as.example", "127.0.0.1:9000"}, []string{f.Issuer, f.Listen})
	})
	t.Run("the certificate is ready for use", func(t *testing.T) {
		require.NotNil(t, f.Certificate)
		require.Len(t, f.Certificate.Certificate, 1)
	})
	t.Run("the server knows the listed scopes, those of resources, and offline_access", func(t *testing.T) {
		require.ElementsMatch(t, []string{"offline_access", "read", "write", "admin"}, f.Scopes)
	})
	t.Run("passwords are digested and match", func(t *testing.T) {
		require.Len(t, f.People, 2)
		require.Equal(t, "1", f.People[0].Subject)
		require.Equal(t, "alice@example.org", f.People[0].Claims["email"])
		ok, _, err := hasher.Verify(t.Context(), f.People[0].Password, "pw-alice")
		require.NoError(t, err)
		require.True(t, ok)
	})
	t.Run("client secrets are digested and match", func(t *testing.T) {
		web := f.Clients[0]
		require.Len(t, web.Secrets, 1)
		match, _, err := (&secret.Checker{Hasher: hasher}).Check(t.Context(), "web", "s%c+r e:t&x", []secret.Stored{{Digest: web.Secrets[0].Digest}})
		require.NoError(t, err)
		require.Zero(t, match)
	})
	t.Run("no secret is left in what was read", func(t *testing.T) {
		all := fmt.Sprintf("%+v %#v", f, f)
		for _, plain := range []string{"pw-alice", "pw-bob", "s%c+r e:t&x", "old-secret", "api-secret"} {
			require.NotContains(t, all, plain)
		}
	})
	t.Run("members of RFC 7591 become the client", func(t *testing.T) {
		web := f.Clients[0]
		web.Secrets = nil
		want := client.Client{
			ID: "web", Name: "Web", GrantTypes: []string{"authorization_code", "refresh_token"},
			RedirectURIs: []string{"https://web.example/cb"}, Scopes: []string{"read", "write", "offline_access"},
			DefaultScopes: []string{"read", "write"}, AllowedOrigins: []string{"https://web.example"},
			IntrospectAny: true, InsecureWithoutPKCE: true,
		}
		require.Equal(t, want, web)
	})
	t.Run("a client without grant_types has the authorization code grant, if it can be redirected to", func(t *testing.T) {
		require.Equal(t, []string{"authorization_code"}, f.Clients[1].GrantTypes)
		require.True(t, f.Clients[1].Public() && f.Clients[1].Native())
		require.Empty(t, f.Clients[3].GrantTypes)
	})
	t.Run("a client with a named method has only that", func(t *testing.T) {
		require.Equal(t, []string{"client_secret_post"}, f.Clients[2].AuthMethods)
	})
	t.Run("resources have formats", func(t *testing.T) {
		require.Len(t, f.Resources, 3)
		require.IsType(t, &token.JWT{}, f.Resources[0].AccessTokens)
		require.IsType(t, token.Opaque{}, f.Resources[1].AccessTokens)
		require.IsType(t, &token.JWT{}, f.Resources[2].AccessTokens)
	})
	t.Run("what has no effect, or is hardly meant, is a warning", func(t *testing.T) {
		require.Equal(t, []string{
			`resources[1] "https://other.example": scopes has "admin", which is missing in the scopes of the server and is added to them`,
			`clients[0] "web": post_logout_redirect_uris has no effect: there is no end_session_endpoint yet`,
		}, f.Warnings)
	})
}

func TestTheReadmesExampleWorks(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, example, found := strings.Cut(string(text), "```json\n")
	require.True(t, found)
	example, _, _ = strings.Cut(example, "```")
	f, err := parse([]byte(example))
	require.NoError(t, err)
	require.Len(t, f.Clients, 3)
	require.Empty(t, f.Warnings)
}

func TestRefreshRetry(t *testing.T) {
	for text, want := range map[string]time.Duration{
		minimal:                       30 * time.Second,
		with(`"refresh_retry": 0`):    -1,
		with(`"refresh_retry": 5`):    5 * time.Second,
		with(`"refresh_retry": null`): 30 * time.Second,
	} {
		f, err := parse([]byte(text))
		require.NoError(t, err)
		if f.RefreshRetry != want {
			t.Errorf("%s: got %v, want %v", text, f.RefreshRetry, want)
		}
	}
}

func TestScopes(t *testing.T) {
	t.Run("scopes the server does not know are not granted, and said", func(t *testing.T) {
		f, err := parse([]byte(with(`"scopes": ["read", "openid"], "clients": [{"client_id": "c1", "client_secret": "x", "scope": "openid  read admin read"}]`)))
		require.NoError(t, err)
		require.Equal(t, []string{"offline_access", "read"}, f.Scopes)
		require.Equal(t, []string{"read"}, f.Clients[0].Scopes)
		require.Len(t, f.Warnings, 2)
		require.Contains(t, f.Warnings[1], `clients[0] "c1"`)
		require.Contains(t, f.Warnings[1], `scope has "openid", "admin", which`)
	})
	t.Run("a file without scopes leaves it to the clients", func(t *testing.T) {
		f, err := parse([]byte(with(`"clients": [{"client_id": "c1", "client_secret": "x", "scope": "any thing"}]`)))
		require.NoError(t, err)
		require.Empty(t, f.Scopes)
		require.Equal(t, []string{"any", "thing"}, f.Clients[0].Scopes)
	})
}

// problems are the texts of the problems of a file.
func problems(t *testing.T, text string) []string {
	t.Helper()
	f, err := parse([]byte(text))
	if err == nil {
		return nil
	}
	require.Nil(t, f)
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok, "%T", err)
	var out []string
	for _, e := range joined.Unwrap() {
		require.IsType(t, &config.Problem{}, e)
		out = append(out, e.Error())
	}
	return out
}

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string // beginnings, in order
	}{
		{"the minimal file is fine", minimal, nil},
		{"an empty file is no JSON", ``, []string{"the file is not JSON"}},
		{"a list is no configuration", `[]`, []string{"the file is not a JSON object"}},
		{"a broken file says where", "{\n\"issuer\": \n}", []string{"the file is not JSON: "}},
		{"what follows the object is found", minimal + `{}`, []string{"the file goes on after the end"}},
		{"a member twice is found", `{"issuer": "a", "issuer": "b"}`, []string{`the file has the member "issuer" twice`}},
		{"a member twice further down, too", with(`"store": {"driver": "memory", "driver": "redis"}`), []string{`the file has the member "driver" twice`}},
		{"deep nesting is refused", with(`"x": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100)), []string{"the file is nested too deep"}},
		{"another encoding is refused", "{\"issuer\": \"\xff\"}", []string{"the file is not UTF-8"}},
		{"an empty object lacks what is required", `{}`, []string{"listen is missing; ", "issuer is empty; "}},
		{"an unknown member is named", with(`"isuer": "x"`), []string{`"isuer" is not known here; known are allow_loopback_fetch, client_id_metadata_documents, clients, `}},
		{"a member in another case is unknown", with(`"Scopes": []`), []string{`"Scopes" is not known here`}},
		{"wrong types are named", `{"issuer": 1, "listen": [], "scopes": "read", "users": {}, "clients": [1], "tls": "x", "refresh_retry": "30", "allow_loopback_fetch": "yes", "store": 1}`, []string{
			"issuer is not a string", "listen is not a string", "tls is not an object", "users is not a list of objects", "scopes is not a list of strings",
			"clients[0] is not an object; write", "refresh_retry is not a whole number", "store is not an object", "allow_loopback_fetch is neither",
		}},
		{"entries of lists, too", with(`"scopes": ["a", 1, "b", null], "users": [{"username": "a", "password": "x", "claims": {"sub": "a"}}, 7, {"username": "b"}]`), []string{
			"users[1] is not an object", `users[2] "b": password is missing`, `users[2] "b": claims is missing`, "scopes[1] is not a string", "scopes[3] is not a string",
		}},
		{"and members further down, each once", with(`"store": {"driver": 1}, "resources": [{"identifier": 1}], "users": [{"username": 1, "password": "x", "claims": {"sub": 1}}]`), []string{
			"users[0]: username is not a string", "users[0] claims: sub is not a string", "resources[0]: identifier is not a string", "store: driver is not a string",
		}},
		{"numbers are whole and not negative", with(`"refresh_retry": -1`), []string{"refresh_retry is not a whole number"}},
		{"nor fractions", with(`"refresh_retry": 1.5`), []string{"refresh_retry is not a whole number"}},
		{"a long retry would hide theft", with(`"refresh_retry": 3600`), []string{"refresh_retry is more than 10m0s"}},
		{"an http issuer is for loopback", `{"issuer": "http://as.example", "listen": ":80"}`, []string{"issuer is plain http on a host other than loopback; use https"}},
		{"an issuer has no trailing slash", `{"issuer": "https://as.example/", "listen": ":80"}`, []string{"issuer ends in a slash"}},
		{"an address needs a port", `{"issuer": "https://as.example", "listen": "localhost"}`, []string{"listen is not host:port"}},
		{"and a number for it", `{"issuer": "https://as.example", "listen": "localhost:http"}`, []string{"listen is not host:port"}},
		{"tls needs both files", `{"issuer": "https://as.example", "listen": ":1", "tls": {"cert_file": "x", "ca": 1}}`, []string{"tls: key_file is missing", `tls: "ca" is not known here`}},
		{"and an https issuer", with(`"tls": {"cert_file": "x", "key_file": "y"}`), []string{"tls is set, but the issuer is http"}},
		{"a scope is a scope-token", with(`"scopes": ["a b"]`), []string{`scopes has "a b"`}},
		{"users need all three members", with(`"users": [{}]`), []string{"users[0]: username is missing", "users[0]: password is missing", "users[0]: claims is missing"}},
		{"and a subject", with(`"users": [{"username": "a", "password": "x", "claims": {}}]`), []string{`users[0] "a" claims: sub is missing`}},
		{"and nothing else", with(`"users": [{"username": "a", "password": "x", "claims": {"sub": "a"}, "admin": true}]`), []string{`users[0] "a": "admin" is not known`}},
		{"names and subjects are unique", with(`"users": [{"username": "a", "password": "x", "claims": {"sub": "1"}}, {"username": "a", "password": "x", "claims": {"sub": "1"}}]`),
			[]string{`users[1] "a": username is another user's too`}},
		{"a resource needs an identifier", with(`"resources": [{"scopes": []}]`), []string{"resources[0]: identifier is missing"}},
		{"and a known format", with(`"resources": [{"identifier": "https://a.example", "access_token_format": "paseto"}]`), []string{`resources[0] "https://a.example": access_token_format is "paseto"`}},
		{"and is listed once", with(`"resources": [{"identifier": "https://a.example"}, {"identifier": "https://a.example"}]`), []string{`resources has "https://a.example" twice`}},
		{"durable stores do not exist yet", with(`"store": {"driver": "postgres", "dsn": "x"}`), []string{`store: driver is "postgres", which this server does not have yet`}},
		{"other stores never do", with(`"store": {"driver": "punchcards"}`), []string{"store: driver is not known"}},
		{"a store has a driver", with(`"store": {}`), []string{"store: driver is missing"}},
		{"memory has no dsn", with(`"store": {"driver": "memory", "dsn": "x"}`), []string{"store: dsn has no meaning"}},
		{"registration is not built", with(`"registration": {"enabled": true}`), []string{"registration: enabled is true, but this server has no dynamic client registration yet"}},
		{"nor are metadata documents", with(`"client_id_metadata_documents": {"enabled": true}`), []string{"client_id_metadata_documents: enabled is true"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := problems(t, c.text)
			require.Len(t, got, len(c.want), "%q", got)
			for i, want := range c.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("got %q, want %q", got[i], want)
				}
			}
		})
	}
}

func TestClientProblems(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string // after `clients[0] "c1": `
	}{
		{"a confidential client is fine", oneClient(confidential), nil},
		{"unknown members are ignored", oneClient(confidential + `, "logo_uri": 7, "x": {}`), nil},
		{"a client that has lost its secret is not told of public clients", oneClient(`"grant_types": ["client_credentials"], "introspection_allowed": true, "require_pkce": false`), []string{"client_secret is missing"}},
		{"nor one whose secret is a number", oneClient(`"client_secret": 1, "grant_types": ["client_credentials"]`), []string{"client_secret is not a string"}},
		{"nor one whose method is", oneClient(`"token_endpoint_auth_method": 1, "grant_types": ["client_credentials"]`), []string{"token_endpoint_auth_method is not a string"}},
		{"nor one whose method is not offered", oneClient(`"token_endpoint_auth_method": "tls_client_auth", "grant_types": ["client_credentials"]`), []string{`token_endpoint_auth_method is "tls_client_auth"`}},
		{"a method by secret needs the secret", oneClient(`"token_endpoint_auth_method": "client_secret_basic", "grant_types": ["client_credentials"]`), []string{"client_secret is empty"}},
		{"grants that cannot be read", oneClient(confidential + `, "grant_types": "authorization_code", "response_types": ["code"], "redirect_uris": ["https://a.example/"]`), []string{"grant_types is not a list of strings"}},
		{"redirect URIs that cannot be read", oneClient(confidential + `, "response_types": ["code"], "redirect_uris": ["https://a.example/", 1]`), []string{"redirect_uris[1] is not a string"}},
		{"the offered grants are a list to read", oneClient(confidential + `, "grant_types": ["ciba"]`), []string{`grant_types has "ciba", which this server does not offer; it offers authorization_code, refresh_token, client_credentials, password`}},
		{"so are the methods", oneClient(`"token_endpoint_auth_method": "x"`), []string{`token_endpoint_auth_method is "x", which this server does not offer; it offers client_secret_basic, client_secret_post, none`}},
		{"a client without secret says that it is public", oneClient(`"client_name": "x"`), []string{"client_secret is missing; set one, or token_endpoint_auth_method"}},
		{"a public client has no secret", oneClient(confidential + `, "token_endpoint_auth_method": "none"`), []string{"client_secret is set, but token_endpoint_auth_method has no method"}},
		{"secrets are printable", oneClient(`"client_secret": "x\u0007"`), []string{"client_secret has a character that is not printable ASCII (RFC 6749 §A.2); choose another secret"}},
		{"a method that is not offered", oneClient(`"token_endpoint_auth_method": "private_key_jwt"`), []string{`token_endpoint_auth_method is "private_key_jwt", which this server does not offer`}},
		{"a grant that is not offered", oneClient(confidential + `, "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"]`), []string{`grant_types has "urn:ietf:params:oauth:grant-type:device_code"`}},
		{"a grant that is gone", oneClient(confidential + `, "grant_types": ["implicit"]`), []string{`grant_types has implicit, which OAuth 2.1 removed`}},
		{"a response type that is not offered", oneClient(confidential + `, "response_types": ["id_token"]`), []string{`response_types has "id_token"`}},
		{"a response type without its grant", oneClient(confidential + `, "response_types": ["code"]`), []string{`response_types has "code", but`}},
		{"a public client with client credentials", oneClient(`"token_endpoint_auth_method": "none", "grant_types": ["client_credentials"]`), []string{"grant_types has client_credentials"}},
		{"a public client without PKCE", oneClient(`"token_endpoint_auth_method": "none", "require_pkce": false`), []string{"require_pkce is set on a public client"}},
		{"a public client that introspects", oneClient(`"token_endpoint_auth_method": "none", "introspection_allowed": true`), []string{"introspection_allowed is set on a public client"}},
		{"a redirect URI with a fragment", oneClient(confidential + `, "redirect_uris": ["https://a.example/#x"]`), []string{`redirect_uris has "https://a.example/#x", which has a fragment`}},
		{"a code grant without redirect URI", oneClient(confidential + `, "grant_types": ["authorization_code"]`), []string{"redirect_uris is empty"}},
		{"an application type nobody knows", oneClient(confidential + `, "application_type": "tv"`), []string{`application_type is "tv"`}},
		{"an origin with a path", oneClient(confidential + `, "allowed_cors_origins": ["https://a.example/"]`), []string{`allowed_cors_origins has "https://a.example/"`}},
		{"a broken scope", oneClient(confidential + `, "scope": "a\"b"`), []string{`scope has "a\"b"`}},
		{"pairwise subjects", oneClient(confidential + `, "subject_type": "pairwise"`), []string{`subject_type is "pairwise"`}},
		{"several at once, in the words of the file", oneClient(`"grant_types": ["password", "ciba"], "redirect_uris": ["http://a.example/", "javascript:x"], "token_endpoint_auth_method": "none"`), []string{
			`grant_types has "ciba"`, "grant_types has password", "redirect_uris is set, but grant_types has no grant", `redirect_uris has "http://a.example/"`, `redirect_uris has "javascript:x"`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := problems(t, c.text)
			require.Len(t, got, len(c.want), "%q", got)
			for i, want := range c.want {
				if want = `clients[0] "c1": ` + want; !strings.HasPrefix(got[i], want) {
					t.Errorf("got %q, want %q", got[i], want)
				}
			}
		})
	}
	t.Run("two clients of one name", func(t *testing.T) {
		got := problems(t, with(`"clients": [{"client_id": "a", "client_secret": "x"}, {"client_id": "a", "client_secret": "y"}]`))
		require.Equal(t, []string{`clients[1] "a": client_id is another client's too; give each its own`}, got)
	})
	t.Run("a client without id", func(t *testing.T) {
		require.Equal(t, []string{"clients[0]: client_id is empty; every client needs one"}, problems(t, with(`"clients": [{"client_secret": "x"}]`)))
	})
}

func TestAClientIDOfTheWrongTypeIsSaidOnce(t *testing.T) {
	got := problems(t, with(`"clients": [{"client_id": 1, "client_secret": "x"}]`))
	require.Equal(t, []string{"clients[0]: client_id is not a string; put it in quotation marks"}, got)
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"an unknown member of a client may be misspelt", oneClient(confidential + `, "grant_typ": ["x"], "x": 1`), []string{
			`clients[0] "c1": "grant_typ" is not known here and is ignored`, `clients[0] "c1": "x" is not known here and is ignored`,
		}},
		{"members that describe the client are known", oneClient(confidential + `, "logo_uri": "https://a.example/logo", "contacts": ["a"], "jwks": {"keys": []}`), nil},
		{"a resource may name the listed scopes", with(`"scopes": ["read"], "resources": [{"identifier": "https://a.example", "scopes": ["read", "offline_access"]}]`), nil},
		{"or any if none are listed", with(`"resources": [{"identifier": "https://a.example", "scopes": ["read"]}]`), nil},
		{"another may be misspelt", with(`"scopes": ["read"], "resources": [{"identifier": "https://a.example", "scopes": ["raed"]}]`), []string{
			`resources[0] "https://a.example": scopes has "raed", which is missing in the scopes of the server and is added to them`,
		}},
		{"an issuer on another port of this machine", `{"issuer": "http://localhost:8080", "listen": "127.0.0.1:9090"}`, []string{
			"issuer is on port 8080 of this machine, but listen has port 9090; clients look for the server where the issuer says",
		}},
		{"or on the port of its scheme", `{"issuer": "http://[::1]", "listen": ":8080"}`, []string{"issuer is on port 80 of this machine, but listen has port 8080; clients look for the server where the issuer says"}},
		{"the same port is fine", `{"issuer": "https://127.0.0.1", "listen": ":443"}`, nil},
		{"so is any behind a proxy", `{"issuer": "https://as.example", "listen": "127.0.0.1:8080"}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := parse([]byte(c.text))
			require.NoError(t, err)
			require.Equal(t, c.want, f.Warnings)
		})
	}
}

func TestTLSFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(name, text, 0o600))
		return name
	}
	both, empty, none := write("both.pem", pair()), write("empty.pem", nil), filepath.Join(dir, "none.pem")
	for _, c := range []struct {
		name, cert, key, want string
	}{
		{"a certificate that is not there is named with its member", none, both, "tls: cert_file: open " + none},
		{"so is its key", both, none, "tls: key_file: open " + none},
		{"a certificate must be in its file", empty, both, "tls: cert_file and key_file: tls: failed to find any PEM data in certificate input"},
		{"and a key in its", both, empty, "tls: cert_file and key_file: tls: failed to find any PEM data in key input"},
	} {
		t.Run(c.name+", and other problems with it", func(t *testing.T) {
			text := fmt.Sprintf(`{"issuer": "https://as.example", "tls": {"cert_file": %q, "key_file": %q}}`, c.cert, c.key)
			_, err := config.Read(t.Context(), []byte(text), &secret.Slow{})
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "listen is missing")
			require.Equal(t, strings.Contains(c.want, none), errors.Is(err, os.ErrNotExist))
		})
	}
}

func TestSecurityMembersAreNotIgnored(t *testing.T) {
	for member, value := range map[string]string{
		"dpop_bound_access_tokens":                   "true",
		"require_signed_request_object":              "true",
		"require_pushed_authorization_requests":      "true",
		"tls_client_certificate_bound_access_tokens": "true",
		"token_endpoint_auth_signing_alg":            `"ES256"`,
		"request_object_signing_alg":                 `"ES256"`,
		"id_token_signed_response_alg":               `"RS256"`,
		"id_token_encrypted_response_alg":            `"RSA-OAEP-256"`,
		"id_token_encrypted_response_enc":            `"A128GCM"`,
		"userinfo_signed_response_alg":               `"RS256"`,
		"authorization_signed_response_alg":          `"RS256"`,
		"introspection_signed_response_alg":          `"RS256"`,
		"backchannel_logout_uri":                     `"https://a.example/logout"`,
		"backchannel_logout_session_required":        "true",
		"backchannel_token_delivery_mode":            `"poll"`,
		"default_max_age":                            "60",
	} {
		t.Run(member+" is refused by the name of the client", func(t *testing.T) {
			got := problems(t, oneClient(confidential+`, "`+member+`": `+value))
			require.Len(t, got, 1)
			require.True(t, strings.HasPrefix(got[0], `clients[0] "c1": `+member+" is set, but this server has no "), got[0])
		})
	}
	t.Run("one that is off is fine", func(t *testing.T) {
		require.Empty(t, problems(t, oneClient(confidential+`, "dpop_bound_access_tokens": false, "request_object_signing_alg": null`)))
	})
}

func TestLoad(t *testing.T) {
	t.Run("a problem names the file", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "server.json")
		require.NoError(t, os.WriteFile(name, []byte(`{"listen": ":1"}`), 0o600))
		_, err := config.Load(t.Context(), name, &secret.Slow{})
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, "issuer is empty")
	})
	t.Run("a file that is not there is an error", func(t *testing.T) {
		_, err := config.Load(t.Context(), filepath.Join(t.TempDir(), "none.json"), &secret.Slow{})
		require.ErrorIs(t, err, os.ErrNotExist)
	})
	t.Run("a huge file is refused", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "server.json")
		require.NoError(t, os.WriteFile(name, []byte(minimal+strings.Repeat(" ", config.MaxSize)), 0o600))
		_, err := config.Load(t.Context(), name, &secret.Slow{})
		require.ErrorContains(t, err, "the file is larger than 4 MiB")
	})
	t.Run("a digest that fails is an error, without the secret", func(t *testing.T) {
		_, err := config.Read(t.Context(), []byte(oneClient(`"client_secret": "hunter2"`)), broken{})
		require.ErrorIs(t, err, errBroken)
		require.NotContains(t, err.Error(), "hunter2")
	})
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Hash(context.Context, string) (secret.Digest, error) { return "", errBroken }
func (broken) Verify(context.Context, secret.Digest, string) (bool, bool, error) {
	return false, false, errBroken
}

func TestProblemsShowNoSecrets(t *testing.T) {
	for _, text := range []string{
		oneClient(`"client_secret": "canary\u0001"`),
		oneClient(`"client_secret": ["canary"]`),
		oneClient(`"client_secret": "canary", "token_endpoint_auth_method": "none"`),
		with(`"users": [{"username": "a", "password": "canary` + strings.Repeat("x", 2000) + `", "claims": {}}]`),
		with(`"users": [{"username": "a", "password": {"canary": 1}, "claims": {}}]`),
		with(`"store": {"driver": "memory", "dsn": "canary"}`),
		with(`"store": {"driver": "postgres", "dsn": "canary"}`),
		with(`"registration": {"enabled": true, "initial_access_token": "canary"}`),
	} {
		_, err := parse([]byte(text))
		require.Error(t, err)
		require.NotContains(t, err.Error(), "canary")
	}
}

// FuzzParse holds that no file makes the parser fail other than by problems, and
// that what it accepts makes clients.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{good, minimal, oneClient(confidential), with(`"users": [{"username": "a", "password": "canary", "claims": {"sub": "a"}}]`),
		with(`"store": {"driver": "memory", "dsn": "canary"}`), `{"client_secret": "canary"}`, `[[[`, `{"a": 1e999}`, "\ufeff{}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := parse(text)
		if err != nil {
			joined, ok := err.(interface{ Unwrap() []error })
			if !ok || file != nil {
				t.Fatalf("got %v, %T", file, err)
			}
			for _, e := range joined.Unwrap() {
				if p := (*config.Problem)(nil); !errors.As(e, &p) || p.Member == "" || (p.Text == "") == (p.Err == nil) {
					t.Fatalf("got %#v", e)
				}
			}
			return
		}
		if _, err := client.NewStatic(file.Clients...); err != nil {
			t.Fatalf("accepted clients are refused: %v", err)
		}
		for _, c := range file.Clients {
			for _, g := range c.GrantTypes {
				if !slices.Contains(config.GrantTypes(), g) {
					t.Fatalf("accepted the grant %q", g)
				}
			}
		}
	})
}
