package client_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
)

// sourceFunc is a client.Source in one function.
type sourceFunc func(id string) (*client.Client, error)

func (f sourceFunc) Client(_ context.Context, id string) (*client.Client, error) { return f(id) }

// A desk is an Authenticator with two confidential clients and a public one.
type desk struct {
	client.Authenticator
	secret  string // of "web" and, imported, of "old"
	now     time.Time
	checked []string // the clients that the fake slow hasher and method saw
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{now: time.Unix(1_700_000_000, 0)}
	handle := secret.Format{}.New(secret.ClientSecret)
	d.secret = handle.Reveal()
	checker := &secret.Checker{}
	digest, err := checker.Digest(t.Context(), d.secret)
	require.NoError(t, err)
	confidential, public := web(), native()
	confidential.Secrets = []client.Secret{{ID: "s1", Digest: digest}}
	expired, early, basicOnly, off := confidential, confidential, confidential, confidential
	expired.ID, expired.Secrets = "expired", []client.Secret{{Digest: digest, Expires: d.now}}
	early.ID, early.Secrets = "early", []client.Secret{{Digest: digest, NotBefore: d.now.Add(time.Second)}}
	basicOnly.ID, basicOnly.AuthMethods = "basic-only", []string{client.MethodSecretBasic}
	off.ID, off.Disabled = "off", true
	static, err := client.NewStatic(confidential, public, expired, early, basicOnly, off)
	require.NoError(t, err)
	d.Source = static
	d.Methods = (&client.Secrets{Checker: checker, Now: func() time.Time { return d.now }}).Methods()
	return d
}

// ask sends a request with the Authorization headers and the form.
func (d *desk) ask(ctx context.Context, headers []string, namesAndValues ...string) (c, named *client.Client, err error) {
	r := httptest.NewRequest(http.MethodPost, "/token", nil)
	for _, h := range headers {
		r.Header.Add("Authorization", h)
	}
	return d.Authenticate(ctx, r, form.New(namesAndValues...))
}

func basic(id, secret string) string {
	return rawBasic(url.QueryEscape(id) + ":" + url.QueryEscape(secret))
}

func rawBasic(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }

func TestAuthenticate(t *testing.T) {
	d := newDesk(t)
	post := func(id, secret string) []string { return []string{"client_id", id, "client_secret", secret} }
	other := secret.Format{}.New(secret.ClientSecret).Reveal()
	for _, c := range []struct {
		name    string
		headers []string
		form    []string
		want    string // the client, or
		refusal oautherr.Code
	}{
		{"Basic proves a client", []string{basic("web", d.secret)}, nil, "web", ""},
		{"CA-07 whatever the case of its scheme", []string{"bAsIc" + basic("web", d.secret)[5:]}, nil, "web", ""},
		{"naming the client beside it changes nothing", []string{basic("web", d.secret)}, []string{"client_id", "web"}, "web", ""},
		{"so does the body", nil, post("web", d.secret), "web", ""},
		{"a public client only says who it is", nil, []string{"client_id", "native"}, "native", ""},
		{"CA-01 another secret proves nothing", []string{basic("web", other)}, nil, "", oautherr.InvalidClient},
		{"CA-02 in the body neither", nil, post("web", other), "", oautherr.InvalidClient},
		{"CA-03 an unknown client", []string{basic("nobody", d.secret)}, nil, "", oautherr.InvalidClient},
		{"CA-03 a disabled client", []string{basic("off", d.secret)}, nil, "", oautherr.InvalidClient},
		{"CA-11 a public client with a secret", nil, post("native", d.secret), "", oautherr.InvalidClient},
		{"CA-10 a confidential client without one", nil, []string{"client_id", "web"}, "", oautherr.InvalidClient},
		{"CA-10 a confidential client with an empty one", []string{rawBasic("web:")}, nil, "", oautherr.InvalidClient},
		{"CA-12 a method the client did not register", nil, post("basic-only", d.secret), "", oautherr.InvalidClient},
		{"CA-13 a secret at the moment it expires", []string{basic("expired", d.secret)}, nil, "", oautherr.InvalidClient},
		{"CA-13 a secret a second too early", []string{basic("early", d.secret)}, nil, "", oautherr.InvalidClient},
		{"CA-08 two methods at once, both right", []string{basic("web", d.secret)}, post("web", d.secret), "", oautherr.InvalidRequest},
		{"CA-09 RG-6 one client proven and another named", []string{basic("web", d.secret)}, []string{"client_id", "native"}, "", oautherr.InvalidRequest},
		{"TK-18 two Authorization headers", []string{basic("web", d.secret), basic("web", d.secret)}, nil, "", oautherr.InvalidRequest},
		{"TK-19 a header of another scheme hides no client", []string{"Bearer x"}, []string{"client_id", "native"}, "", oautherr.InvalidClient},
		{"no credential at all", nil, nil, "", oautherr.InvalidClient},
		{"a secret without a client", nil, []string{"client_secret", d.secret}, "", oautherr.InvalidClient},
		{"CA-06 Basic and nothing", []string{"Basic"}, nil, "", oautherr.InvalidClient},
		{"CA-06 Basic that is not base64", []string{"Basic %%%"}, nil, "", oautherr.InvalidClient},
		{"CA-06 Basic without a colon", []string{rawBasic("web")}, nil, "", oautherr.InvalidClient},
		{"CA-06 Basic with a broken escape", []string{rawBasic("web:%zz")}, nil, "", oautherr.InvalidClient},
		{"CA-06 Basic with a NUL", []string{rawBasic("web:a%00b")}, nil, "", oautherr.InvalidClient},
		{"CA-06 Basic that is not UTF-8", []string{rawBasic("web:\xff\xfe")}, nil, "", oautherr.InvalidClient},
		{"CA-06 unreadable Basic beside a public client's name", []string{"Basic %%%"}, []string{"client_id", "native"}, "", oautherr.InvalidClient},
		{"CA-14 Basic of 16 kB", []string{rawBasic("web:" + strings.Repeat("a", 12<<10))}, nil, "", oautherr.InvalidClient},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := d.ask(t.Context(), c.headers, c.form...)
			if c.refusal == "" {
				require.NoError(t, err)
				require.Equal(t, c.want, got.ID)
				return
			}
			if got != nil || !errors.Is(err, c.refusal) {
				t.Fatalf("got %v, %v, want %s", got, err, c.refusal)
			}
			if strings.Contains(err.Error(), d.secret) || strings.Contains(err.Error(), other) {
				t.Errorf("the secret is in the error: %v", err)
			}
		})
	}

	t.Run("CA-03 every failure looks the same to the client", func(t *testing.T) {
		seen := map[string]bool{}
		for _, header := range []string{basic("web", other), basic("nobody", other), basic("off", d.secret), basic("native", d.secret), rawBasic("web")} {
			_, _, err := d.ask(t.Context(), []string{header})
			e := oautherr.From(err)
			seen[fmt.Sprint(e.Code, e.Description, e.Status, e.RetryAfter)] = true
		}
		require.Len(t, seen, 1)
	})
	t.Run("the client a request names is known though it failed", func(t *testing.T) {
		_, named, err := d.ask(t.Context(), []string{basic("web", other)})
		require.ErrorIs(t, err, oautherr.InvalidClient)
		require.Equal(t, "web", named.ID)
		for _, id := range []string{"off", "nobody"} {
			_, named, err = d.ask(t.Context(), []string{basic(id, d.secret)})
			require.ErrorIs(t, err, oautherr.InvalidClient)
			require.Nil(t, named)
		}
	})
	t.Run("trouble with the source is trouble, not a refusal", func(t *testing.T) {
		d := newDesk(t)
		trouble := errors.New("database gone")
		d.Source = sourceFunc(func(string) (*client.Client, error) { return nil, trouble })
		_, named, err := d.ask(t.Context(), []string{basic("web", d.secret)})
		if !errors.Is(err, trouble) || errors.Is(err, oautherr.InvalidClient) || named != nil {
			t.Errorf("got %v, %v", named, err)
		}
	})
}

// stampMethod is a host's own method: a header names the client and proves it.
type stampMethod struct{ seen *[]string }

func (stampMethod) Name() string { return "stamp" }

func (stampMethod) Presented(r *http.Request, _ form.Values) (client.Credential, bool) {
	v := r.Header.Get("Stamp")
	return client.Credential{ClientID: v, Value: v}, v != ""
}

func (m stampMethod) Check(_ context.Context, c *client.Client, _ client.Credential) error {
	*m.seen = append(*m.seen, fmt.Sprint(c.ID, len(c.Secrets), len(c.AuthMethods)))
	return nil
}

func TestAMethodOfTheHosts(t *testing.T) {
	d := newDesk(t)
	stamped := client.Client{ID: "stamped", AuthMethods: []string{"stamp"}}
	static := d.Source
	d.Source = sourceFunc(func(id string) (*client.Client, error) {
		if id == stamped.ID {
			return &stamped, nil
		}
		return static.Client(t.Context(), id)
	})
	d.Methods = append(d.Methods, stampMethod{&d.checked})
	ask := func(id string, namesAndValues ...string) (*client.Client, error) {
		r := httptest.NewRequest(http.MethodPost, "/token", nil)
		r.Header.Set("Stamp", id)
		c, _, err := d.Authenticate(t.Context(), r, form.New(namesAndValues...))
		return c, err
	}
	t.Run("it proves the clients that registered it", func(t *testing.T) {
		c, err := ask("stamped")
		require.NoError(t, err)
		require.Equal(t, "stamped", c.ID)
	})
	t.Run("CA-12 a check that passes whatever it sees proves no other client", func(t *testing.T) {
		for _, id := range []string{"web", "native", "off", "nobody", ""} {
			if c, err := ask(id); c != nil || !errors.Is(err, oautherr.InvalidClient) {
				t.Errorf("client %q: got %v, %v", id, c, err)
			}
		}
	})
	t.Run("CA-03 a client that may not use it is checked all the same, as if it were unknown", func(t *testing.T) {
		d.checked = nil
		_, _ = ask("web")
		_, _ = ask("nobody")
		require.Equal(t, []string{"web0 0", "nobody0 0"}, d.checked)
	})
	t.Run("CA-08 it does not combine with a secret", func(t *testing.T) {
		_, err := ask("stamped", "client_id", "stamped", "client_secret", d.secret)
		require.ErrorIs(t, err, oautherr.InvalidRequest)
	})
}

func TestCredential(t *testing.T) {
	t.Run("LG-04 it prints whom it names and never its value", func(t *testing.T) {
		c := client.Credential{ClientID: "web", Value: "canary"}
		for _, v := range []any{c, &c, struct{ C client.Credential }{c}, []client.Credential{c}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				if got := fmt.Sprintf(verb, v); strings.Contains(got, "canary") {
					t.Errorf("%s of %T: %s", verb, v, got)
				}
			}
		}
		got, err := json.Marshal(c)
		if err != nil || strings.Contains(string(got), "canary") {
			t.Errorf("JSON: %s, %v", got, err)
		}
	})
}

func TestASecretsLife(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		name   string
		secret client.Secret
		want   bool
	}{
		{"one without limits lives", client.Secret{}, true},
		{"it lives from its first moment", client.Secret{NotBefore: now}, true},
		{"and not before", client.Secret{NotBefore: now.Add(1)}, false},
		{"to just before its last", client.Secret{Expires: now.Add(1)}, true},
		{"and no longer", client.Secret{Expires: now}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.secret.Live(now); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// FuzzBasicHeader: whatever the header holds, it names a client only by that
// client's secret, and is otherwise refused, never trouble.
func FuzzBasicHeader(f *testing.F) {
	for _, h := range []string{
		"Basic", "Basic ", "basic x", "Basic Og==", "BASIC  d2ViOng=", rawBasic("web:%zz"), rawBasic("web%00:x"), rawBasic("a:b:c"),
		rawBasic("web:\xff"), "Bearer x", "", " ", "Basic\tx", rawBasic("enc%3Aid:s%25c%2Br"),
	} {
		f.Add(h)
	}
	own := secret.Format{}.New(secret.ClientSecret).Reveal()
	digest, err := new(secret.Checker).Digest(context.Background(), own)
	require.NoError(f, err)
	confidential := web()
	confidential.Secrets = []client.Secret{{Digest: digest}}
	static, err := client.NewStatic(confidential)
	require.NoError(f, err)
	a := client.Authenticator{Source: static, Methods: (&client.Secrets{Checker: &secret.Checker{Hasher: deaf{}}}).Methods()}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodPost, "/token", nil)
		r.Header["Authorization"] = []string{header}
		c, _, err := a.Authenticate(t.Context(), r, form.Values{})
		if c != nil || !errors.Is(err, oautherr.InvalidClient) && !errors.Is(err, oautherr.InvalidRequest) {
			t.Fatalf("%q: got %v, %v", header, c, err)
		}
	})
}

// deaf is a secret.Hasher that is quick, because nothing ever matches.
type deaf struct{}

func (deaf) Hash(context.Context, string) (secret.Digest, error) { return imported, nil }

func (deaf) Verify(context.Context, secret.Digest, string) (ok, stale bool, err error) {
	return false, false, nil
}
