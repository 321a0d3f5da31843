package secret_test

import (
	"fmt"
	"hash/crc32"
	"regexp"
	"strings"
	"testing"

	"github.com/grantor-go/grantor/secret"
	"github.com/stretchr/testify/require"
)

var kinds = []secret.Kind{
	secret.PAT, secret.ClientSecret, secret.AccessToken, secret.RefreshToken, secret.Code, secret.DeviceCode,
}

const (
	locator    = "0123456789abcdefghijAB"
	secretPart = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"
	base62     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

func parse(t testing.TB, s string) secret.Handle {
	t.Helper()
	h, err := secret.Format{}.Parse(s)
	require.NoError(t, err)
	return h
}

func TestVectors(t *testing.T) {
	// Checksums computed with another implementation of CRC-32 and base62.
	for _, v := range []struct {
		brand      string
		kind       secret.Kind
		secretPart string
		want       string
	}{
		{"", secret.ClientSecret, secretPart, "grantor_cs_" + locator + secretPart + "3ADcFw"},
		{"", secret.PAT, secretPart, "grantor_pat_" + locator + secretPart + "2DtKPG"},
		{"acme", secret.AccessToken, secretPart, "acme_at_" + locator + secretPart + "0zTTXw"},
		{"", secret.ClientSecret, strings.Repeat("0", 41) + "F4", "grantor_cs_" + locator + strings.Repeat("0", 41) + "F4" + "0068bG"},
	} {
		t.Run("CR-2.4: the checksum of "+v.want[:8]+" covers the prefix and is padded", func(t *testing.T) {
			f := secret.Format{Brand: v.brand}
			if got := f.Compose(v.kind, locator, v.secretPart).Reveal(); got != v.want {
				t.Errorf("got %s, want %s", got, v.want)
			}
			h, err := f.Parse(v.want)
			require.NoError(t, err)
			if h.Kind() != v.kind || h.Locator() != locator || h.Reveal() != v.want {
				t.Errorf("got %q %q", h.Kind(), h.Locator())
			}
		})
	}
}

func TestBrand(t *testing.T) {
	for _, brand := range []string{"", "ab", "a1", "acme", "acmetest", "a234567890123456"} {
		t.Run(fmt.Sprintf("CR-2.1: the brand %q is valid", brand), func(t *testing.T) {
			f := secret.Format{Brand: brand}
			require.NoError(t, f.Validate())
			h := f.New(secret.PAT)
			require.False(t, h.IsZero())
			if !f.Owns(h.Reveal()) {
				t.Errorf("got a credential that its own format does not own")
			}
		})
	}
	for _, brand := range []string{"a", "A", "Acme", "1a", "_a", "a_b", "a-b", "é1", "a234567890123456x", "a b", "ab\n"} {
		t.Run(fmt.Sprintf("CR-2.1: the brand %q is refused and makes no credentials", brand), func(t *testing.T) {
			f := secret.Format{Brand: brand}
			require.Error(t, f.Validate())
			key := secret.NewFamilyKey()
			for _, h := range []secret.Handle{
				f.New(secret.PAT), f.Issue(secret.PAT, locator), f.Compose(secret.PAT, locator, secretPart),
				f.IssueMarked(secret.PAT, locator, &key),
			} {
				if !h.IsZero() {
					t.Errorf("got %q, want zero", h.Reveal())
				}
			}
		})
	}
	t.Run("CR-2.1: a credential of one brand is malformed to another", func(t *testing.T) {
		h := secret.Format{Brand: "acme"}.New(secret.PAT)
		for _, other := range []string{"", "acm", "acme1", "emca"} {
			_, err := secret.Format{Brand: other}.Parse(h.Reveal())
			require.ErrorIs(t, err, secret.ErrMalformed)
		}
	})
}

func TestMakersRefuse(t *testing.T) {
	f := secret.Format{}
	key := secret.NewFamilyKey()
	for name, h := range map[string]secret.Handle{
		"New of an unknown kind":              f.New("xx"),
		"New of no kind":                      f.New(""),
		"New of a long kind":                  f.New("client"),
		"Issue under no locator":              f.Issue(secret.Code, ""),
		"Issue under a short locator":         f.Issue(secret.Code, locator[1:]),
		"Issue under a long locator":          f.Issue(secret.Code, locator+"0"),
		"Issue under a locator with a hyphen": f.Issue(secret.Code, "-"+locator[1:]),
		"Compose with a short secret":         f.Compose(secret.Code, locator, secretPart[1:]),
		"Compose with a long secret":          f.Compose(secret.Code, locator, secretPart+"0"),
		"Compose with a space":                f.Compose(secret.Code, locator, " "+secretPart[1:]),
		"Compose with shifted parts":          f.Compose(secret.Code, locator+"0", secretPart[1:]),
		"IssueMarked under a short locator":   f.IssueMarked(secret.RefreshToken, "x", &key),
		"IssueMarked without a key":           f.IssueMarked(secret.RefreshToken, locator, nil),
		"IssueMarked with a zero key":         f.IssueMarked(secret.RefreshToken, locator, new(secret.FamilyKey)),
	} {
		t.Run(name+" is the zero handle", func(t *testing.T) {
			if !h.IsZero() {
				t.Errorf("got %q", h.Reveal())
			}
		})
	}
}

func TestCharacters(t *testing.T) {
	f := secret.Format{}
	t.Run("CR-2.2: a credential is letters, digits and underscores", func(t *testing.T) {
		for _, kind := range kinds {
			require.Regexp(t, `^[0-9A-Za-z_]+$`, f.New(kind).Reveal())
		}
	})
	t.Run("CR-2.3: secrets and locators are uniform over base62", func(t *testing.T) {
		var counts [256]int
		const rounds = 6000
		for range rounds {
			h := f.New(secret.PAT).Reveal()
			for _, c := range []byte(h[len("grantor_pat_"):len(h)-6] + f.NewLocator()) {
				counts[c]++
			}
		}
		total, square := rounds*(22+43+22), 0.0
		expected := float64(total) / float64(len(base62))
		seen := 0
		for _, c := range []byte(base62) {
			seen += counts[c]
			d := float64(counts[c]) - expected
			square += d * d / expected
		}
		if seen != total {
			t.Errorf("got %d characters that are no base62 digits", total-seen)
		}
		// 61 degrees of freedom: a fair source exceeds 145 once in 10^8 runs; a
		// byte modulo 62 would come out above 3000.
		if square > 145 {
			t.Errorf("chi-square: got %.0f, want at most 145", square)
		}
	})
	t.Run("CR-2.3, CR-2.6: no two credentials are alike, and nothing but chance is in them", func(t *testing.T) {
		seen := map[string]bool{}
		for range 2000 {
			h := f.Issue(secret.AccessToken, locator).Reveal()
			n := f.New(secret.AccessToken).Locator()
			if seen[h] || seen[n] {
				t.Fatal("got a repetition")
			}
			seen[h], seen[n] = true, true
		}
	})
}

// mutations returns strings that are nearly the credential s, by name.
func mutations(s string) map[string]string {
	flip := func(i int) string {
		b := []byte(s)
		b[i] ^= 0x20 // the other case, or no base62 digit at all
		return string(b)
	}
	change := func(i int) string {
		b := []byte(s)
		b[i] = base62[(strings.IndexByte(base62, b[i])+1)%len(base62)]
		return string(b)
	}
	m := map[string]string{
		"empty": "", "truncated at the front": s[1:], "truncated at the end": s[:len(s)-1],
		"without its checksum": s[:len(s)-6], "prefix alone": s[:strings.LastIndexByte(s, '_')+1],
		"extended by a digit": s + "0", "extended at the front": "0" + s, "twice": s + s,
		"wrapped in spaces": " " + s + " ", "with a trailing space": s + " ", "with a trailing newline": s + "\n",
		"with a leading newline": "\n" + s, "with CR LF": s + "\r\n", "with a NUL": s + "\x00",
		"broken over two lines": s[:40] + "\n" + s[40:], "in quotes": `"` + s + `"`,
		"upper-cased": strings.ToUpper(s), "lower-cased": strings.ToLower(s),
		"percent-encoded": strings.ReplaceAll(s, "_", "%5F"), "with hyphens": strings.ReplaceAll(s, "_", "-"),
		"with one underscore more": strings.Replace(s, "_", "__", 1), "without underscores": strings.ReplaceAll(s, "_", ""),
		"with a wide letter": strings.Replace(s, "_", "_\uff41", 1), "megabytes of it": strings.Repeat(s, 20_000),
	}
	for i := strings.LastIndexByte(s, '_') + 1; i < len(s); i++ {
		m[fmt.Sprintf("changed at %d", i)] = change(i)
		m[fmt.Sprintf("case-swapped at %d", i)] = flip(i)
	}
	return m
}

// checksum is the CRC-32 of s in six base62 digits.
func checksum(s string) string {
	digits := make([]byte, 6)
	crc := crc32.ChecksumIEEE([]byte(s))
	for i := range digits {
		digits[5-i] = base62[crc%62]
		crc /= 62
	}
	return string(digits)
}

func TestParseRefuses(t *testing.T) {
	f := secret.Format{}
	s := "grantor_pat_" + locator + secretPart + "2DtKPG"
	require.True(t, f.Owns(s))
	cases := mutations(s)
	for name, garbage := range map[string]string{
		"of an unknown kind":          strings.Replace(s, "_pat_", "_foo_", 1),
		"of no kind":                  strings.Replace(s, "_pat_", "__", 1),
		"of an upper-case kind":       strings.Replace(s, "_pat_", "_PAT_", 1),
		"a JWT":                       "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
		"a brand alone":               "grantor",
		"a prefix alone":              "grantor_",
		"invalid UTF-8":               strings.Repeat("\xff", len(s)),
		"underscores":                 strings.Repeat("_", len(s)),
		"with its checksum all zeros": s[:len(s)-6] + "000000",
	} {
		cases[name] = garbage
	}
	for name, garbage := range cases {
		t.Run("PT-02: a credential that is "+name+" is malformed", func(t *testing.T) {
			h, err := f.Parse(garbage)
			require.ErrorIs(t, err, secret.ErrMalformed)
			if !h.IsZero() || f.Owns(garbage) {
				t.Errorf("got a handle for %.200q", garbage)
			}
			if err.Error() != secret.ErrMalformed.Error() {
				t.Errorf("got an error that says more: %v", err)
			}
		})
	}
	for name, head := range map[string]string{
		"a hyphen":        "grantor_pat_-" + locator[1:] + secretPart,
		"a space":         "grantor_pat_" + locator + " " + secretPart[1:],
		"a newline":       "grantor_pat_" + locator + secretPart[1:] + "\n",
		"an underscore":   "grantor_pat__" + locator[1:] + secretPart,
		"an unknown kind": "grantor_foo_" + locator + secretPart,
		"a digit too few": "grantor_pat_" + locator + secretPart[1:],
		"a digit extra":   "grantor_pat_" + locator + secretPart + "0",
		"another brand":   "acme_pat_" + locator + secretPart,
	} {
		t.Run("CR-2.2: the right checksum does not excuse "+name, func(t *testing.T) {
			_, err := f.Parse(head + checksum(head))
			require.ErrorIs(t, err, secret.ErrMalformed)
		})
	}
	t.Run("the checksum used here is the right one", func(t *testing.T) {
		head := "grantor_pat_" + locator + secretPart
		if got := head + checksum(head); got != s {
			t.Errorf("got %s, want %s", got, s)
		}
	})
	for _, from := range kinds {
		for _, to := range kinds {
			if from == to {
				continue
			}
			t.Run(fmt.Sprintf("CR-2.4: %s relabelled as %s is malformed", from, to), func(t *testing.T) {
				relabelled := strings.Replace(f.New(from).Reveal(), string(from), string(to), 1)
				_, err := f.Parse(relabelled)
				require.ErrorIs(t, err, secret.ErrMalformed)
			})
		}
	}
}

func TestAllocations(t *testing.T) {
	f := secret.Format{}
	s := f.New(secret.AccessToken).Reveal()
	for name, c := range map[string]struct {
		most float64
		run  func()
	}{
		"recognising a credential": {0, func() { f.Owns(s) }},
		"refusing garbage":         {0, func() { f.Parse(s[1:]) }},
		"parsing a credential":     {1, func() { f.Parse(s) }},
		"making a credential":      {3, func() { f.New(secret.PAT) }}, // 2, and one in crypto/rand under the race detector
	} {
		t.Run(name+" allocates no more than its result", func(t *testing.T) {
			if got := testing.AllocsPerRun(100, c.run); got > c.most {
				t.Errorf("got %v allocations, want at most %v", got, c.most)
			}
		})
	}
}

func TestPattern(t *testing.T) {
	f := secret.Format{Brand: "acme"}
	t.Run("CR-2.5: the pattern of two kinds is what scanners expect", func(t *testing.T) {
		want := `\bacme_(?:pat|cs)_[0-9A-Za-z]{71}\b`
		if got := f.Pattern(secret.PAT, secret.ClientSecret); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("CR-2.5: the pattern of all kinds finds each of them in text, whole", func(t *testing.T) {
		re := regexp.MustCompile(f.Pattern())
		for _, kind := range kinds {
			s := f.New(kind).Reveal()
			text := "export TOKEN=\"" + s + "\"\nurl=https://x/?token=" + s + "&y"
			require.Equal(t, []string{s, s}, re.FindAllString(text, -1))
		}
	})
	t.Run("CR-2.5: the pattern finds neither other kinds nor longer words", func(t *testing.T) {
		re := regexp.MustCompile(f.Pattern(secret.PAT))
		for _, text := range []string{
			f.New(secret.Code).Reveal(), f.New(secret.PAT).Reveal() + "x", "x" + f.New(secret.PAT).Reveal(),
			secret.Format{}.New(secret.PAT).Reveal(),
		} {
			if re.MatchString(text) {
				t.Errorf("got a match in %q", text)
			}
		}
	})
}
