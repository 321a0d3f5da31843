package secret_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/grantor-go/grantor/secret"
)

func FuzzParse(f *testing.F) {
	f.Add("", "grantor_cs_"+locator+secretPart+"3ADcFw")
	f.Add("acme", "acme_at_"+locator+secretPart+"0zTTXw")
	f.Add("grantor", "grantor_pat_"+locator+secretPart+"2DtKPG\n")
	f.Add("a_b", "a_b_cs_"+locator+secretPart+"000000")
	f.Add("", "grantor_")
	f.Add("ab", "ab__"+strings.Repeat("0", 71))
	f.Fuzz(func(t *testing.T, brand, s string) {
		format := secret.Format{Brand: brand}
		h, err := format.Parse(s)
		if (err == nil) != format.Owns(s) || h.IsZero() != (err != nil) {
			t.Fatalf("Parse, Owns and IsZero disagree on %q", s)
		}
		if err != nil {
			if !errors.Is(err, secret.ErrMalformed) || h.Locator() != "" || h.Kind() != "" {
				t.Fatalf("got %v, %q, %q", err, h.Locator(), h.Kind())
			}
			return
		}
		if h.Reveal() != s || format.Validate() != nil || !regexp.MustCompile("^"+format.Pattern()+"$").MatchString(s) {
			t.Fatalf("got a handle for %q", s)
		}
		secretPart := s[len(s)-49 : len(s)-6]
		if again := format.Compose(h.Kind(), h.Locator(), secretPart).Reveal(); again != s {
			t.Fatalf("got %q from the parts of %q", again, s)
		}
	})
}

func FuzzFastDigest(f *testing.F) {
	p, err := secret.NewPeppers(pepper("k1", 1), pepper("k0", 2))
	if err != nil {
		f.Fatal(err)
	}
	h := secret.Format{}.Compose(secret.PAT, locator, secretPart)
	var plain *secret.Peppers
	for _, d := range append(spoiled(p.Digest(h)), p.Digest(h), plain.Digest(h)) {
		if len(d) < 1000 {
			f.Add(string(d))
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := secret.Digest(s)
		if ok, stale := plain.Matches(d, h); ok != (d == plain.Digest(h)) || stale {
			t.Fatalf("plain: got %v, stale %v for %q", ok, stale, s)
		}
		ok, stale := p.Matches(d, h)
		if ok && !stale && d != p.Digest(h) || ok && p.Lacks(d) || ok && d.Slow() {
			t.Fatalf("got a match for %q", s)
		}
		if ok, _ := p.Matches(d, secret.Handle{}); ok {
			t.Fatalf("got a match with nothing for %q", s)
		}
	})
}

func FuzzSlowDigest(f *testing.F) {
	for _, d := range []string{
		argonVector, argonWeak, "$2a$" + bcryptVector, "$2b$" + bcryptVector, pbkdf2SHA256, pbkdf2SHA512, bcryptOf80,
		"", "$", "$argon2id$v=19$m=4294967295,t=4294967295,p=255$$", "$2b$31$", "$pbkdf2-sha256$i=-1$$", "$sha256$",
	} {
		f.Add(d)
	}
	const b64 = `[0-9A-Za-z+/]{11,86}`
	forms := regexp.MustCompile(`^(?:\$argon2id\$v=19\$m=[1-9]\d{3,5},t=(?:[1-9]|10),p=(?:[1-9]|1[0-6])\$` + b64 + `\$` + b64 +
		`|\$2[aby]\$(?:0[4-9]|1[0-4])\$[./0-9A-Za-z]{53}|\$pbkdf2-sha(?:256|512)\$i=[1-9]\d{3,6}\$` + b64 + `\$` + b64 + `)$`)
	f.Fuzz(func(t *testing.T, s string) {
		if secret.Readable(secret.Digest(s)) && !forms.MatchString(s) {
			t.Fatalf("got readable: %q", s)
		}
	})
}
