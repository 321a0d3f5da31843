package token_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/token"
)

func BenchmarkMint(b *testing.B) {
	for _, alg := range algorithms {
		b.Run(string(alg), func(b *testing.B) {
			format := newJWT(b, alg)
			claims := goodClaims(time.Now())
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := format.Mint(ctx, claims); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMintOverSignature takes turns between a token and a bare signature of
// the same key, so that a busy machine slows both, and reports their ratio.
func BenchmarkMintOverSignature(b *testing.B) {
	key := newKey(b, token.ES256)
	private, ok := key.Signer.(*ecdsa.PrivateKey)
	require.True(b, ok)
	format := &token.JWT{Issuer: issuer, Keys: static(b, key)}
	claims := goodClaims(time.Now())
	ctx := context.Background()
	sum := sha256.Sum256(nil)
	var minting, signing time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := format.Mint(ctx, claims); err != nil {
			b.Fatal(err)
		}
		between := time.Now()
		if _, err := ecdsa.SignASN1(rand.Reader, private, sum[:]); err != nil {
			b.Fatal(err)
		}
		minting += between.Sub(start)
		signing += time.Since(between)
	}
	b.ReportMetric(float64(minting)/float64(signing), "x-signature")
}

func BenchmarkParse(b *testing.B) {
	for _, alg := range algorithms {
		for _, cache := range []struct {
			name string
			size int
		}{{"cold", -1}, {"cached", 0}} {
			b.Run(string(alg)+"/"+cache.name, func(b *testing.B) {
				format := newJWT(b, alg)
				format.CacheSize = cache.size
				ctx := context.Background()
				minted, err := format.Mint(ctx, goodClaims(time.Now()))
				require.NoError(b, err)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := format.Parse(ctx, minted); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkParseParallel(b *testing.B) {
	format := newJWT(b, token.ES256)
	ctx := context.Background()
	minted, err := format.Mint(ctx, goodClaims(time.Now()))
	require.NoError(b, err)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := format.Parse(ctx, minted); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkRingKeys(b *testing.B) {
	var ring token.Ring
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ring.Keys(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
