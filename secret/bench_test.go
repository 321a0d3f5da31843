package secret_test

import (
	"testing"

	"github.com/grantor-go/grantor/secret"
)

func BenchmarkNew(b *testing.B) {
	f := secret.Format{}
	b.ReportAllocs()
	for b.Loop() {
		f.New(secret.AccessToken)
	}
}

func BenchmarkIssueMarked(b *testing.B) {
	f, key := secret.Format{}, secret.NewFamilyKey()
	b.ReportAllocs()
	for b.Loop() {
		f.IssueMarked(secret.RefreshToken, locator, &key)
	}
}

func BenchmarkMarkedBy(b *testing.B) {
	key := secret.NewFamilyKey()
	h := secret.Format{}.IssueMarked(secret.RefreshToken, locator, &key)
	b.ReportAllocs()
	for b.Loop() {
		h.MarkedBy(&key)
	}
}

func BenchmarkParse(b *testing.B) {
	f := secret.Format{}
	s := f.New(secret.AccessToken).Reveal()
	b.ReportAllocs()
	for b.Loop() {
		f.Parse(s)
	}
}

func BenchmarkParseGarbage(b *testing.B) {
	f := secret.Format{}
	s := f.New(secret.AccessToken).Reveal()[1:]
	b.ReportAllocs()
	for b.Loop() {
		f.Parse(s)
	}
}

func BenchmarkDigest(b *testing.B) {
	h := secret.Format{}.New(secret.AccessToken)
	for name, p := range map[string]*secret.Peppers{"plain": nil, "peppered": peppers(b, pepper("k1", 1))} {
		var buf [80]byte
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.AppendDigest(buf[:0], h)
			}
		})
		b.Run(name+"/matches", func(b *testing.B) {
			d := p.Digest(h)
			b.ReportAllocs()
			for b.Loop() {
				p.Matches(d, h)
			}
		})
	}
}

// BenchmarkCheck shows that the digests are made once, however many secrets the
// client has and whether or not it exists: a further secret adds no digest, only
// the constant-time comparisons with it.
func BenchmarkCheck(b *testing.B) {
	checker := &secret.Checker{Peppers: peppers(b, pepper("k1", 1))}
	h, d := checker.New()
	stored := make([]secret.Stored, 5)
	for i := range stored {
		_, stored[i].Digest = checker.New()
	}
	stored[0].Digest, stored[4].Digest = d, d
	for name, stored := range map[string][]secret.Stored{"unknown": nil, "1 secret": stored[:1], "5 secrets": stored[:5]} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				checker.Check(b.Context(), "id", h.Reveal(), stored)
			}
		})
	}
}

func BenchmarkSlowVerify(b *testing.B) {
	var s secret.Slow
	b.ReportAllocs()
	for b.Loop() {
		s.Verify(b.Context(), argonVector, human)
	}
}
