package secret_test

import (
	"context"
	"encoding/base64"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grantor-go/grantor/secret"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

// Digests of "correct horse" by other implementations: OpenSSL's argon2, the C
// library's bcrypt, Python's PBKDF2.
const (
	human        = "correct horse"
	argonVector  = "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$rk2Mi3E4dgRMg0fHaYaptWVZRKqs//6b6k3/nntqGJk"
	argonWeak    = "$argon2id$v=19$m=1024,t=1,p=2$MDEyMzQ1Njc4OWFiY2RlZg$VBd2shc2OvVxOLu6sBZpMiObqI8Subx6lg+oDGcMSvM"
	bcryptVector = "04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
	bcryptOf80   = "$2b$04$abcdefghijklmnopqrstuurN64KOnt5JUytuwRiNj41FYog.2zMnC" // of eighty's first 72 bytes, as bcrypt does
	pbkdf2SHA256 = "$pbkdf2-sha256$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M"
	pbkdf2SHA512 = "$pbkdf2-sha512$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$OM0FAoIqCVK1sWtxDiffVlBejtLa+ks4TP71JiecwuSZCG8iLbnlIEPOMoVX+i2B2wkSxjQ8CRGR9OkNGuIPMQ"
	eighty       = "long-secret-long-secret-long-secret-long-secret-long-secret-long-secret-long-sec"
)

func TestSlowVerify(t *testing.T) {
	var s secret.Slow
	for _, c := range []struct {
		name   string
		digest secret.Digest
		stale  bool
	}{
		{"argon2id with the current parameters", argonVector, false},
		{"argon2id with others", argonWeak, true},
		{"bcrypt 2a", "$2a$" + bcryptVector, true},
		{"bcrypt 2b", "$2b$" + bcryptVector, true},
		{"bcrypt 2y", "$2y$" + bcryptVector, true},
		{"PBKDF2 with SHA-256", pbkdf2SHA256, true},
		{"PBKDF2 with SHA-512", pbkdf2SHA512, true},
	} {
		t.Run("CR-3.4: a digest by "+c.name+" matches its secret and no other", func(t *testing.T) {
			ok, stale, err := s.Verify(t.Context(), c.digest, human)
			require.NoError(t, err)
			if !ok || stale != c.stale {
				t.Errorf("got %v, stale %v; want true, %v", ok, stale, c.stale)
			}
			for _, wrong := range []string{human + " ", human[1:], "Correct horse", human + "\x00", "\x00" + human} {
				ok, stale, err := s.Verify(t.Context(), c.digest, wrong)
				require.NoError(t, err)
				if ok || stale {
					t.Errorf("%q: got %v, stale %v", wrong, ok, stale)
				}
			}
		})
	}
	t.Run("CR-3.4: what Hash makes, Verify matches, and it is fresh", func(t *testing.T) {
		d, err := s.Hash(t.Context(), human)
		require.NoError(t, err)
		require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[0-9A-Za-z+/]{22}\$[0-9A-Za-z+/]{43}$`, string(d))
		ok, stale, err := s.Verify(t.Context(), d, human)
		require.NoError(t, err)
		if !ok || stale {
			t.Errorf("got %v, stale %v", ok, stale)
		}
		again, err := s.Hash(t.Context(), human)
		require.NoError(t, err)
		if d == again {
			t.Error("got the same salt twice")
		}
	})
}

func TestLongSecrets(t *testing.T) {
	var s secret.Slow
	verify := func(t *testing.T, d secret.Digest, presented string) bool {
		t.Helper()
		ok, _, err := s.Verify(t.Context(), d, presented)
		require.NoError(t, err)
		return ok
	}
	t.Run("CA-14: argon2id sees all of a secret longer than 72 bytes", func(t *testing.T) {
		d, err := s.Hash(t.Context(), eighty)
		require.NoError(t, err)
		if !verify(t, d, eighty) || verify(t, d, eighty[:72]) || verify(t, d, eighty+"x") {
			t.Error("got a match of a part, or none of the whole")
		}
	})
	t.Run("CA-14: beyond 72 bytes nothing matches bcrypt on its beginning", func(t *testing.T) {
		for _, long := range []string{eighty, eighty[:72] + "x", eighty[:73], strings.Repeat("a", 1024)} {
			if verify(t, bcryptOf80, long) {
				t.Errorf("got a match for %d bytes", len(long))
			}
		}
		if !verify(t, bcryptOf80, eighty[:72]) {
			t.Error("got no match for the 72 bytes that the digest is of")
		}
	})
	t.Run("bcrypt does not take a secret repeated around a NUL for the secret", func(t *testing.T) {
		d, err := bcrypt.GenerateFromPassword([]byte("ab"), bcrypt.MinCost)
		require.NoError(t, err)
		require.NoError(t, bcrypt.CompareHashAndPassword(d, []byte("ab\x00ab")), "the quirk this is about")
		if verify(t, secret.Digest(d), "ab\x00ab") || !verify(t, secret.Digest(d), "ab") {
			t.Error("got a match of the repetition, or none of the secret")
		}
	})
	t.Run("PBKDF2 does not take a secret with NULs after it for the secret", func(t *testing.T) {
		for _, padded := range []string{human + "\x00", human + "\x00\x00"} {
			if verify(t, pbkdf2SHA256, padded) || verify(t, pbkdf2SHA512, padded) {
				t.Errorf("got a match for %q", padded)
			}
		}
	})
	t.Run("CA-14: a secret that is empty, has a NUL or 10 kB is refused without running the function", func(t *testing.T) {
		s := secret.Slow{MaxConcurrent: 1, MaxWait: -1}
		release, err := s.Acquire(t.Context())
		require.NoError(t, err)
		defer release() // until then, whoever wants to run one gets ErrBusy
		for _, presented := range []string{"", human + "\x00", strings.Repeat("x", 1025), strings.Repeat("x", 10_000)} {
			for _, d := range []secret.Digest{argonVector, "$2b$" + bcryptVector, pbkdf2SHA256, ""} {
				ok, stale, err := s.Verify(t.Context(), d, presented)
				if ok || stale || err != nil {
					t.Errorf("%d bytes: got %v, %v, %v", len(presented), ok, stale, err)
				}
			}
			d, err := s.Hash(t.Context(), presented)
			require.ErrorIs(t, err, secret.ErrMalformed)
			if d != "" {
				t.Errorf("got %s", d)
			}
		}
		_, _, err = s.Verify(t.Context(), argonVector, strings.Repeat("x", 1024))
		require.ErrorIs(t, err, secret.ErrBusy)
	})
}

func TestUnreadableSlowDigests(t *testing.T) {
	const salt, hash = "MDEyMzQ1Njc4OWFiY2RlZg", "rk2Mi3E4dgRMg0fHaYaptWVZRKqs//6b6k3/nntqGJk"
	argon := func(params string) secret.Digest {
		return secret.Digest("$argon2id$v=19$" + params + "$" + salt + "$" + hash)
	}
	bcryptAt := func(cost string) secret.Digest { return secret.Digest("$2b$" + cost + bcryptVector[2:]) }
	b64 := func(n int) string { return base64.RawStdEncoding.EncodeToString(make([]byte, n)) }
	cases := map[string]secret.Digest{
		"empty": "", "plain text": human, "a fast digest": (*secret.Peppers)(nil).Digest(secret.Format{}.New(secret.PAT)),
		"dollars": "$$$$$$", "an unknown scheme": "$scrypt$ln=17,r=8,p=1$" + salt + "$" + hash,
		"argon2i": "$argon2i$v=19$m=19456,t=2,p=1$" + salt + "$" + hash, "argon2d": "$argon2d$v=19$m=19456,t=2,p=1$" + salt + "$" + hash,
		"argon2id of an old version": "$argon2id$v=16$m=19456,t=2,p=1$" + salt + "$" + hash,
		"argon2id without version":   "$argon2id$m=19456,t=2,p=1$" + salt + "$" + hash,
		"over 256 MiB":               argon("m=262145,t=2,p=1"), "an overflowing memory": argon("m=4294967296,t=2,p=1"),
		"an absurd memory": argon("m=99999999999999999999,t=2,p=1"), "hardly any memory": argon("m=8,t=2,p=1"),
		"11 passes": argon("m=19456,t=11,p=1"), "no passes": argon("m=19456,t=0,p=1"), "17 lanes": argon("m=19456,t=2,p=17"),
		"no lanes": argon("m=19456,t=2,p=0"), "257 lanes": argon("m=19456,t=2,p=257"), "a negative number": argon("m=19456,t=-2,p=1"),
		"a signed number": argon("m=+19456,t=2,p=1"), "a padded number": argon("m=019456,t=2,p=1"), "a hexadecimal number": argon("m=0x4c00,t=2,p=1"),
		"parameters out of order": argon("t=2,m=19456,p=1"), "a missing parameter": argon("m=19456,t=2"), "an extra one": argon("m=19456,t=2,p=1,x=1"),
		"a repeated one": argon("m=19456,m=19456,t=2,p=1"), "a space": argon("m=19456, t=2,p=1"),
		"an extra field": argonVector + "$x", "a missing hash": "$argon2id$v=19$m=19456,t=2,p=1$" + salt,
		"an empty hash": "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$", "an empty salt": "$argon2id$v=19$m=19456,t=2,p=1$$" + hash,
		"a padded hash": argonVector + "=", "a hash with a newline": argonVector + "\n", "a hash with a stray bit": secret.Digest(argonVector[:len(argonVector)-1] + "l"),
		"a short salt":      secret.Digest("$argon2id$v=19$m=19456,t=2,p=1$" + b64(7) + "$" + hash),
		"a long salt":       secret.Digest("$argon2id$v=19$m=19456,t=2,p=1$" + b64(65) + "$" + hash),
		"a short hash":      secret.Digest("$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + b64(15)),
		"a long hash":       secret.Digest("$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + b64(65)),
		"a megabyte":        secret.Digest("$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + strings.Repeat("A", 1<<20)),
		"bcrypt at cost 15": bcryptAt("15"), "bcrypt at cost 31": bcryptAt("31"),
		"bcrypt at cost 3": bcryptAt("03"), "bcrypt at cost 99": bcryptAt("99"), "bcrypt at cost -4": bcryptAt("-4"),
		"bcrypt 2x": "$2x$" + bcryptVector, "bcrypt 2": "$2$" + bcryptVector, "bcrypt 3a": "$3a$" + bcryptVector,
		"truncated bcrypt": secret.Digest("$2b$" + bcryptVector[:20]), "extended bcrypt": "$2b$" + bcryptVector + "x",
		"bcrypt with a newline":   secret.Digest("$2b$" + bcryptVector[:len(bcryptVector)-1] + "\n"),
		"PBKDF2, too many rounds": "$pbkdf2-sha256$i=5000001$" + salt + "$" + hash, "PBKDF2, too few": "$pbkdf2-sha256$i=999$" + salt + "$" + hash,
		"PBKDF2 with a hash of two blocks": secret.Digest("$pbkdf2-sha256$i=1000$" + salt + "$" + b64(33)),
		"PBKDF2 with SHA-1":                "$pbkdf2-sha1$i=1000$" + salt + "$" + hash, "PBKDF2 without rounds": "$pbkdf2-sha256$" + salt + "$" + hash,
		"PBKDF2 with a missing hash": "$pbkdf2-sha256$i=1000$" + salt, "PBKDF2 with an empty hash": "$pbkdf2-sha256$i=1000$" + salt + "$",
	}
	for name, d := range cases {
		t.Run("a stored digest that is "+name+" is not read", func(t *testing.T) {
			if secret.Readable(d) {
				t.Errorf("got readable: %.100q", d)
			}
		})
	}
	t.Run("the largest digests allowed are read", func(t *testing.T) {
		for _, d := range []secret.Digest{
			argon("m=262144,t=10,p=16"), bcryptAt("14"), "$pbkdf2-sha256$i=5000000$" + salt + "$" + hash,
			secret.Digest("$argon2id$v=19$m=1024,t=1,p=1$" + b64(64) + "$" + b64(64)),
		} {
			if !secret.Readable(d) {
				t.Errorf("got unreadable: %s", d)
			}
		}
	})
	t.Run("CS-05: an unreadable digest matches nothing, is no error, and costs its turn", func(t *testing.T) {
		var s secret.Slow
		for _, name := range []string{"empty", "plain text", "over 256 MiB", "bcrypt at cost 31"} {
			ok, stale, err := s.Verify(t.Context(), cases[name], human)
			if ok || stale || err != nil {
				t.Errorf("%s: got %v, %v, %v", name, ok, stale, err)
			}
		}
		busy := secret.Slow{MaxConcurrent: 1, MaxWait: -1}
		release, err := busy.Acquire(t.Context())
		require.NoError(t, err)
		defer release()
		_, _, err = busy.Verify(t.Context(), "", human)
		require.ErrorIs(t, err, secret.ErrBusy)
	})
}

func TestSlowIsBounded(t *testing.T) {
	t.Run("DS-01: no more than MaxConcurrent hashes run at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := secret.Slow{MaxConcurrent: 3, MaxWait: time.Hour}
			var running, most atomic.Int64
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					release, err := s.Acquire(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					defer release()
					now := running.Add(1)
					for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
					}
					time.Sleep(time.Second) // virtual
					running.Add(-1)
				})
			}
			wg.Wait()
			if got := most.Load(); got != 3 {
				t.Errorf("got %d at once, want 3", got)
			}
		})
	})
	for name, c := range map[string]struct {
		wait, want time.Duration
	}{
		"a second by default": {0, time.Second},
		"MaxWait":             {5 * time.Second, 5 * time.Second},
		"not at all":          {-1, 0},
	} {
		t.Run("DS-01: a call waits for its turn "+name+", then is ErrBusy", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := secret.Slow{MaxConcurrent: 1, MaxWait: c.wait}
				release, err := s.Acquire(t.Context())
				require.NoError(t, err)
				defer release()
				start := time.Now()
				_, err = s.Hash(t.Context(), human)
				require.ErrorIs(t, err, secret.ErrBusy)
				_, _, err = s.Verify(t.Context(), argonVector, human)
				require.ErrorIs(t, err, secret.ErrBusy)
				if got := time.Since(start); got != 2*c.want {
					t.Errorf("got %v for two calls, want %v", got, 2*c.want)
				}
			})
		})
	}
	t.Run("DS-01: a turn that comes up in time is taken", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := secret.Slow{MaxConcurrent: 1}
			release, err := s.Acquire(t.Context())
			require.NoError(t, err)
			time.AfterFunc(time.Second/2, release)
			ok, _, err := s.Verify(t.Context(), argonWeak, human)
			require.NoError(t, err)
			if !ok {
				t.Error("got no match")
			}
		})
	})
	t.Run("a caller that leaves does not wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := secret.Slow{MaxConcurrent: 1, MaxWait: time.Hour}
			release, err := s.Acquire(t.Context())
			require.NoError(t, err)
			defer release()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			_, _, err = s.Verify(ctx, argonVector, human)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			if got := time.Since(start); got != time.Minute {
				t.Errorf("got %v, want 1m", got)
			}
		})
	})
	t.Run("a caller that has left costs no hash", func(t *testing.T) {
		var s secret.Slow
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Hash(ctx, human)
		require.ErrorIs(t, err, context.Canceled)
		_, _, err = s.Verify(ctx, argonVector, human)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("turns are given back", func(t *testing.T) {
		s := secret.Slow{MaxConcurrent: 1, MaxWait: -1}
		for range 3 {
			for _, d := range []secret.Digest{argonWeak, "broken"} {
				_, _, err := s.Verify(t.Context(), d, human)
				require.NoError(t, err)
			}
		}
	})
}
