package pkce_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/pkce"
)

// The worked example of RFC 7636 Appendix B.
const (
	rfcVerifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	rfcChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// everyUnreserved holds each character RFC 7636 §4.1 allows, once.
const everyUnreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

func TestRFC7636AppendixB(t *testing.T) {
	if got := pkce.Challenge(rfcVerifier); got != rfcChallenge {
		t.Errorf("got challenge %q, want %q", got, rfcChallenge)
	}
	require.True(t, pkce.ValidVerifier(rfcVerifier))
	require.True(t, pkce.ValidChallenge(rfcChallenge))
	require.True(t, pkce.Verify(rfcChallenge, rfcVerifier))
}

func TestNewVerifier(t *testing.T) {
	t.Run("a new verifier is well formed and proves its own challenge", func(t *testing.T) {
		v := pkce.NewVerifier()
		require.True(t, pkce.ValidVerifier(v))
		require.Len(t, v, 43)
		require.True(t, pkce.ValidChallenge(pkce.Challenge(v)))
		require.True(t, pkce.Verify(pkce.Challenge(v), v))
	})
	t.Run("no verifier comes twice", func(t *testing.T) {
		seen := map[string]bool{}
		for range 1000 {
			v := pkce.NewVerifier()
			require.False(t, seen[v])
			seen[v] = true
		}
	})
}

func TestValidVerifier(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     bool
	}{
		{"the shortest is 43 characters", strings.Repeat("a", 43), true},
		{"the longest is 128 characters", strings.Repeat("a", 128), true},
		{"every unreserved character may occur", everyUnreserved, true},
		{"PK-12: 42 characters are too few", strings.Repeat("a", 42), false},
		{"PK-12: 129 characters are too many", strings.Repeat("a", 129), false},
		{"PK-14: the empty one is none", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := pkce.ValidVerifier(c.in); got != c.want {
				t.Errorf("ValidVerifier(%q): got %v, want %v", c.in, got, c.want)
			}
		})
	}
	t.Run("PK-12: no other byte may occur, wherever it stands", func(t *testing.T) {
		for b := range 256 {
			for _, at := range []int{0, 21, 42} {
				v := []byte(rfcVerifier)
				v[at] = byte(b)
				want := strings.IndexByte(everyUnreserved, byte(b)) >= 0
				if got := pkce.ValidVerifier(string(v)); got != want {
					t.Errorf("ValidVerifier(%q): got %v, want %v", v, got, want)
				}
			}
		}
	})
}

func TestValidChallenge(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     bool
	}{
		{"the digest of anything is a challenge", pkce.Challenge("anything"), true},
		{"32 zero bytes are a challenge", strings.Repeat("A", 43), true},
		{"PK-05: 42 characters are too few", rfcChallenge[:42], false},
		{"PK-05: 44 characters are too many", rfcChallenge + "A", false},
		{"PK-05: 129 characters are too many", strings.Repeat("A", 129), false},
		{"PK-05: none is none", "", false},
		{"PK-05: padding is refused", rfcChallenge[:42] + "=", false},
		{"PK-05: padding added is refused", rfcChallenge + "=", false},
		{"PK-05: an exclamation mark is refused", "!" + rfcChallenge[1:], false},
		{"PK-05: the plus of ordinary base64 is refused", "+" + rfcChallenge[1:], false},
		{"PK-05: the slash of ordinary base64 is refused", "/" + rfcChallenge[1:], false},
		{"a tilde, though a verifier may hold it, is refused", "~" + rfcChallenge[1:], false},
		{"a line break, which base64 decoders skip, is refused", rfcChallenge[:42] + "\n", false},
		{"a second spelling of the same digest is refused", rfcChallenge[:42] + "N", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := pkce.ValidChallenge(c.in); got != c.want {
				t.Errorf("ValidChallenge(%q): got %v, want %v", c.in, got, c.want)
			}
		})
	}
}

func TestVerify(t *testing.T) {
	other := pkce.NewVerifier()
	long := strings.Repeat("b", 128)
	short, tooLong, odd := strings.Repeat("a", 42), strings.Repeat("a", 129), strings.Repeat("a", 42)+"!"
	for _, c := range []struct {
		name, challenge, verifier string
		want                      bool
	}{
		{"the verifier of the challenge proves it", rfcChallenge, rfcVerifier, true},
		{"so does the longest verifier", pkce.Challenge(long), long, true},
		{"PK-07: another verifier does not", rfcChallenge, other, false},
		{"PK-07: nor does one that differs in case", rfcChallenge, strings.ToUpper(rfcVerifier), false},
		{"the challenge does not prove itself, as plain would have it", rfcChallenge, rfcChallenge, false},
		{"PK-12: a verifier of 42 characters does not, though its hash matches", pkce.Challenge(short), short, false},
		{"PK-12: nor does one of 129", pkce.Challenge(tooLong), tooLong, false},
		{"PK-12: nor does one with a foreign character", pkce.Challenge(odd), odd, false},
		{"PK-14: the empty verifier does not prove the hash of nothing", pkce.Challenge(""), "", false},
		{"no challenge is proved by no verifier", "", "", false},
		{"no challenge is proved by any verifier", "", rfcVerifier, false},
		{"the challenge with padding is another challenge", rfcChallenge + "=", rfcVerifier, false},
		{"the challenge without its last character is another challenge", rfcChallenge[:42], rfcVerifier, false},
		{"a second spelling of the digest is another challenge", rfcChallenge[:42] + "N", rfcVerifier, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := pkce.Verify(c.challenge, c.verifier); got != c.want {
				t.Errorf("Verify(%q, %q): got %v, want %v", c.challenge, c.verifier, got, c.want)
			}
		})
	}
	t.Run("a challenge that differs in any one place is refused", func(t *testing.T) {
		for i := range rfcChallenge {
			c := []byte(rfcChallenge)
			c[i] ^= 1
			require.False(t, pkce.Verify(string(c), rfcVerifier), "place %d", i)
		}
	})
}

func FuzzValidChallenge(f *testing.F) {
	for _, s := range []string{"", rfcChallenge, rfcChallenge[:42] + "N", rfcChallenge[:42] + "=", strings.Repeat("A", 43), strings.Repeat("\n", 43)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, c string) {
		raw, err := base64.RawURLEncoding.DecodeString(c)
		// What stands for 32 bytes and is the one way to write them.
		want := err == nil && len(raw) == sha256.Size && base64.RawURLEncoding.EncodeToString(raw) == c
		if got := pkce.ValidChallenge(c); got != want {
			t.Errorf("ValidChallenge(%q): got %v, want %v", c, got, want)
		}
	})
}

func FuzzVerify(f *testing.F) {
	f.Add(rfcChallenge, rfcVerifier)
	f.Add(pkce.Challenge(""), "")
	f.Add("", "")
	f.Add(rfcChallenge[:42]+"N", rfcVerifier)
	f.Add(rfcVerifier, rfcVerifier)
	f.Fuzz(func(t *testing.T, challenge, verifier string) {
		want := challenge == pkce.Challenge(verifier) && pkce.ValidVerifier(verifier)
		if got := pkce.Verify(challenge, verifier); got != want {
			t.Errorf("Verify(%q, %q): got %v, want %v", challenge, verifier, got, want)
		}
		if own := pkce.Challenge(verifier); !pkce.ValidChallenge(own) || pkce.Verify(own, verifier) != pkce.ValidVerifier(verifier) {
			t.Errorf("the challenge %q of %q does not hold", own, verifier)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if !pkce.Verify(rfcChallenge, rfcVerifier) {
			b.Fatal("the RFC's example does not verify")
		}
	}
}

func ExampleVerify() {
	// The client, before it sends the person to the authorization endpoint:
	verifier := pkce.NewVerifier()
	challenge := pkce.Challenge(verifier)

	// The server, at the token endpoint:
	fmt.Println(pkce.Verify(challenge, verifier))
	fmt.Println(pkce.Verify(challenge, pkce.NewVerifier()))
	// Output:
	// true
	// false
}

func ExampleChallenge() {
	fmt.Println(pkce.Challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
	// Output: E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
}

func ExampleValidChallenge() {
	fmt.Println(pkce.ValidChallenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"))
	fmt.Println(pkce.ValidChallenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="))
	// Output:
	// true
	// false
}
