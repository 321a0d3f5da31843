package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"log/slog"
	"strings"
	"testing"

	"github.com/grantor-go/grantor/secret"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// leaks returns which spelling of one of the secrets is in out, or "".
func leaks(out string, secrets ...[]byte) string {
	for _, s := range secrets {
		decimal := strings.Trim(fmt.Sprint(s), "[]")
		goSyntax := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", s), "[]byte{"), "}")
		for _, spelling := range []string{
			string(s), hex.EncodeToString(s), strings.ToUpper(hex.EncodeToString(s)), decimal, goSyntax,
			base64.StdEncoding.EncodeToString(s), base64.RawURLEncoding.EncodeToString(s),
			strings.ReplaceAll(decimal, " ", ","),
		} {
			if strings.Contains(out, spelling) {
				return spelling
			}
		}
	}
	return ""
}

// logged returns v as both handlers of log/slog write it.
func logged(v any) string {
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("event", "value", v)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("event", "value", v)
	return out.String()
}

var verbs = []string{
	"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%d", "%t", "%c", "%U", "%e", "%o", "%b", "%10.3s", "%z",
}

func TestSecretsRedactThemselves(t *testing.T) {
	h := secret.Format{}.New(secret.ClientSecret)
	key := secret.NewFamilyKey()
	pepper := secret.Pepper{ID: "k1", Key: bytes.Repeat([]byte("pepper!"), 5)}
	peppers, err := secret.NewPeppers(pepper)
	require.NoError(t, err)
	secrets := [][]byte{[]byte(h.Reveal()), []byte(h.Reveal()[40:76]), key[:], pepper.Key}

	for name, v := range map[string]any{
		"a handle": h, "a pointer to a handle": &h,
		"a family key": key, "a pointer to a family key": &key,
		"a pepper": pepper, "a pointer to a pepper": &pepper,
		"peppers": peppers,
	} {
		t.Run("LG-04: "+name+" is REDACTED under every verb", func(t *testing.T) {
			for _, verb := range verbs {
				if got := fmt.Sprintf(verb, v); got != "REDACTED" {
					t.Errorf("%s: got %s, want REDACTED", verb, got)
				}
			}
		})
		t.Run("LG-04: "+name+" is REDACTED in JSON, in logs and in templates", func(t *testing.T) {
			out, err := json.Marshal(v)
			require.NoError(t, err)
			if got, want := string(out), `"REDACTED"`; got != want {
				t.Errorf("JSON: got %s, want %s", got, want)
			}
			if got := logged(v); strings.Count(got, "REDACTED") != 2 || leaks(got, secrets...) != "" {
				t.Errorf("slog: got %s", got)
			}
			out, err = xml.Marshal(v)
			require.NoError(t, err)
			if got := string(out); !strings.Contains(got, ">REDACTED<") {
				t.Errorf("XML: got %s", got)
			}
			var page bytes.Buffer
			require.NoError(t, template.Must(template.New("").Parse("{{.}}")).Execute(&page, v))
			if got := page.String(); !strings.Contains(got, "REDACTED") || leaks(got, secrets...) != "" {
				t.Errorf("template: got %s", got)
			}
		})
	}

	t.Run("LG-04: what asks for a string gets REDACTED", func(t *testing.T) {
		for _, v := range []interface {
			fmt.Stringer
			fmt.GoStringer
		}{h, key, pepper, peppers} {
			if v.String() != "REDACTED" || v.GoString() != "REDACTED" {
				t.Errorf("%T: got something else", v)
			}
		}
	})

	type exported struct {
		Handle  secret.Handle
		Key     secret.FamilyKey
		Pepper  secret.Pepper
		Peppers *secret.Peppers
	}
	type unexported struct {
		h       secret.Handle
		list    []secret.Handle
		byName  map[string]secret.Handle
		peppers *secret.Peppers
	}
	for name, v := range map[string]any{
		"exported fields":   exported{h, key, pepper, peppers},
		"unexported fields": unexported{h, []secret.Handle{h}, map[string]secret.Handle{"x": h}, peppers},
		"one handle":        struct{ h secret.Handle }{h},
		"a checker":         &secret.Checker{Peppers: peppers},
	} {
		t.Run("LG-04: a struct with "+name+" shows no secret", func(t *testing.T) {
			for _, verb := range verbs {
				if got := fmt.Sprintf(verb, v); leaks(got, secrets...) != "" {
					t.Errorf("%s: got %s", verb, got)
				}
			}
			out, err := json.Marshal(v)
			require.NoError(t, err)
			if got := string(out) + logged(v); leaks(got, secrets...) != "" {
				t.Errorf("encoded: got %s", got)
			}
		})
	}

	t.Run("LG-04: misused verbs, which ask no method, do not reach into a handle or peppers", func(t *testing.T) {
		misused := []string{"%p", "%w", "%!"} // in a variable, or vet would catch them
		for _, verb := range misused {
			for _, v := range []any{h, &h, peppers, struct{ h secret.Handle }{h}, []secret.Handle{h}, unexported{h: h, peppers: peppers}} {
				if got := fmt.Sprintf(verb, v); leaks(got, secrets...) != "" {
					t.Errorf("%s: got %s", verb, got)
				}
			}
		}
	})
	t.Run("LG-04: a family key behind a pointer in an unexported field is not printed by %v", func(t *testing.T) {
		for _, verb := range []string{"%v", "%+v", "%#v"} {
			if got := fmt.Sprintf(verb, struct{ key *secret.FamilyKey }{&key}); leaks(got, secrets...) != "" {
				t.Errorf("%s: got %s", verb, got)
			}
		}
	})
	t.Run("the leak detector used here detects leaks", func(t *testing.T) {
		for _, out := range []string{
			h.Reveal(), fmt.Sprint([]byte(h.Reveal())), fmt.Sprintf("%x", key[:]), fmt.Sprintf("%#v", key[:]), fmt.Sprint([32]byte(key)),
		} {
			if leaks("x "+out+" x", secrets...) == "" {
				t.Errorf("got none in %s", out)
			}
		}
	})
	t.Run("LG-04: a failed assertion in a host's test does not dump a handle", func(t *testing.T) {
		var r recorder
		assert.Equal(&r, struct{ h secret.Handle }{h}, struct{ h secret.Handle }{})
		require.NotEmpty(t, r)
		if leaks(string(r), secrets...) != "" {
			t.Errorf("got %s", r)
		}
	})
	t.Run("a redacted key cannot be mistaken for a stored one", func(t *testing.T) {
		out, err := json.Marshal(key)
		require.NoError(t, err)
		var back secret.FamilyKey
		require.Error(t, json.Unmarshal(out, &back))
	})
}

// recorder keeps what an assertion says when it fails.
type recorder string

func (r *recorder) Errorf(format string, args ...any) { *r += recorder(fmt.Sprintf(format, args...)) }

func TestHandle(t *testing.T) {
	t.Run("the zero handle holds nothing", func(t *testing.T) {
		var h secret.Handle
		if !h.IsZero() || h.Reveal() != "" || h.Kind() != "" || h.Locator() != "" || secret.Hint(h) != "" {
			t.Errorf("got %q %q %q %q", h.Reveal(), h.Kind(), h.Locator(), secret.Hint(h))
		}
	})
	t.Run("a handle knows its kind and locator", func(t *testing.T) {
		f := secret.Format{Brand: "a1"}
		for _, kind := range kinds {
			locator := f.NewLocator()
			h := f.Issue(kind, locator)
			if h.IsZero() || h.Kind() != kind || h.Locator() != locator {
				t.Errorf("got %q %q, want %q %q", h.Kind(), h.Locator(), kind, locator)
			}
		}
	})
	t.Run("a hint is the prefix and the last four characters", func(t *testing.T) {
		h := parse(t, "grantor_cs_0123456789abcdefghijAB0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg3ADcFw")
		if got, want := secret.Hint(h), "grantor_cs_...DcFw"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
