package resource_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/resource"
	"github.com/grantor-go/grantor/token"
)

const keysURL = "https://as.example/jwks"

// longLived is a token that no test outlives.
func longLived(t testing.TB, key token.Key) string {
	return minted(t, key, time.Now(), func(c *token.Claims) { c.Expires = c.IssuedAt.Add(1000 * time.Hour) })
}

// fetching returns a verifier that has its keys from the server.
func fetching(t testing.TB, s *remote) *resource.JWT {
	return newJWT(t, resource.JWTConfig{KeysURL: keysURL, Client: s.client()})
}

// good fails the test unless the verifier takes the token.
func good(t testing.TB, v resource.Verifier, accessToken string) {
	t.Helper()
	_, err := v.Verify(t.Context(), accessToken)
	require.NoError(t, err)
}

// bad fails the test unless the verifier says that the token is not valid.
func bad(t testing.TB, v resource.Verifier, accessToken string) {
	t.Helper()
	_, err := v.Verify(t.Context(), accessToken)
	require.ErrorIs(t, err, oautherr.InvalidToken)
}

// troubled fails the test unless the verifier cannot tell, and returns why.
func troubled(t testing.TB, v resource.Verifier, accessToken string) error {
	t.Helper()
	_, err := v.Verify(t.Context(), accessToken)
	require.Error(t, err)
	require.NotErrorIs(t, err, oautherr.InvalidToken)
	return err
}

func TestRemoteKeys(t *testing.T) {
	bubble := func(name string, test func(*testing.T)) {
		t.Helper()
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
	bubble("nothing is fetched before a token comes, and once for many", func(t *testing.T) {
		s := &remote{answer: publishes(t, keyOne())}
		v := fetching(t, s)
		require.Zero(t, s.called())
		tok := longLived(t, keyOne())
		s.answers(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return publishes(t, keyOne())(r)
		})
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				if _, err := v.Verify(t.Context(), tok); err != nil {
					t.Errorf("got %v", err)
				}
			})
		}
		group.Wait()
		if got := s.called(); got != 1 {
			t.Errorf("fetched %d times", got)
		}
		require.Equal(t, keysURL, s.calls[0].URL.String())
		require.Contains(t, s.calls[0].Header.Get("Accept"), "application/jwk-set+json")
	})
	bubble("a new key is found through the token that names it", func(t *testing.T) {
		s := &remote{answer: publishes(t, keyOne())}
		v := fetching(t, s)
		good(t, v, longLived(t, keyOne()))
		s.answers(publishes(t, keyOne(), keyTwo()))
		time.Sleep(10 * time.Second)
		good(t, v, longLived(t, keyTwo()))
		good(t, v, longLived(t, keyOne()))
		require.Equal(t, 2, s.called())
	})
	bubble("tokens that name keys nobody has cost one fetch in 10 seconds", func(t *testing.T) {
		s := &remote{answer: publishes(t, keyOne())}
		v := fetching(t, s)
		good(t, v, longLived(t, keyOne()))
		stranger := longLived(t, keyTwo())
		for range 100 { // a minute less the first 10 seconds, of 600 ms each
			bad(t, v, stranger)
			time.Sleep(600 * time.Millisecond)
		}
		if got := s.called(); got < 5 || got > 7 {
			t.Errorf("fetched %d times in a minute", got)
		}
	})
	bubble("garbage and forgeries under a known key cost no fetch", func(t *testing.T) {
		s := &remote{answer: publishes(t, keyOne())}
		v := fetching(t, s)
		forged := keyTwo()
		forged.ID = keyOne().ID
		good(t, v, longLived(t, keyOne()))
		time.Sleep(20 * time.Second)
		for _, tok := range []string{
			"", "x", "x.y.z", "e30.e30.e30", "bm90IGpzb24.e30.e30", longLived(t, forged),
			"eyJraWQiOjF9.e30.e30", "eyJraWQiOiIifQ.e30.e30", strings.Repeat("a", 20<<10),
		} {
			bad(t, v, tok)
		}
		require.Equal(t, 1, s.called())
	})
	bubble("concurrent tokens with a new key share one fetch", func(t *testing.T) {
		s := &remote{answer: publishes(t, keyOne())}
		v := fetching(t, s)
		good(t, v, longLived(t, keyOne()))
		time.Sleep(20 * time.Second)
		tok := longLived(t, keyTwo())
		s.answers(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return publishes(t, keyTwo())(r)
		})
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				if _, err := v.Verify(t.Context(), tok); err != nil {
					t.Errorf("got %v", err)
				}
			})
		}
		group.Wait()
		require.Equal(t, 2, s.called())
	})
	bubble("a key that is no longer published dies when the answer has aged", func(t *testing.T) {
		s := &remote{answer: publishes(t, keyOne(), keyTwo())}
		v := fetching(t, s)
		good(t, v, longLived(t, keyOne()))
		s.answers(publishes(t, keyTwo()))
		time.Sleep(5*time.Minute - time.Second)
		good(t, v, longLived(t, keyOne()))
		time.Sleep(time.Second)
		bad(t, v, longLived(t, keyOne()))
		good(t, v, longLived(t, keyTwo()))
	})
	bubble("an authorization server that withdraws all its keys stops every token", func(t *testing.T) {
		s := &remote{answer: publishes(t, keyOne())}
		v := fetching(t, s)
		good(t, v, longLived(t, keyOne()))
		s.answers(replies(200, `{"keys":[]}`))
		time.Sleep(5 * time.Minute)
		troubled(t, v, longLived(t, keyOne()))
	})
	bubble("during an outage the last keys serve, for a day", func(t *testing.T) {
		var log strings.Builder
		s := &remote{answer: publishes(t, keyOne())}
		v := newJWT(t, resource.JWTConfig{
			KeysURL: keysURL, Client: s.client(), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		tok := longLived(t, keyOne())
		good(t, v, tok)
		require.Empty(t, log.String())
		s.answers(breaks(errors.New("no route to host")))
		for range 23 {
			time.Sleep(time.Hour)
			good(t, v, tok)
		}
		require.Contains(t, log.String(), "level=WARN")
		require.Contains(t, log.String(), "no route to host")
		time.Sleep(time.Hour)
		troubled(t, v, tok)
		s.answers(publishes(t, keyOne()))
		time.Sleep(10 * time.Second)
		good(t, v, tok)
	})
	bubble("while one request waits for aged keys, the others use them", func(t *testing.T) {
		s := &remote{answer: publishes(t, keyOne())}
		v := fetching(t, s)
		tok := longLived(t, keyOne())
		good(t, v, tok)
		time.Sleep(5 * time.Minute)
		s.answers(hangs)
		first := time.Now()
		go func() { _, _ = v.Verify(context.Background(), tok) }()
		synctest.Wait()
		good(t, v, tok)
		if waited := time.Since(first); waited != 0 {
			t.Errorf("waited %v", waited)
		}
		time.Sleep(10 * time.Second)
		require.Equal(t, 2, s.called())
	})
	bubble("keys that never came are trouble that says when to come back", func(t *testing.T) {
		s := &remote{answer: breaks(errors.New("no route to host"))}
		v := fetching(t, s)
		tok := longLived(t, keyOne())
		for range 20 {
			err := troubled(t, v, tok)
			require.ErrorContains(t, err, "no route to host")
		}
		require.Equal(t, 1, s.called(), "an outage is not made worse")
		res, _ := send(resource.Guard{Verifier: v, Resource: api}.Require()(passed), with(tok))
		require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
		require.Equal(t, "10", res.Header.Get("Retry-After"))
		s.answers(publishes(t, keyOne()))
		time.Sleep(10 * time.Second)
		good(t, v, tok)
	})
	bubble("a server that does not answer is given up after 5 seconds", func(t *testing.T) {
		v := fetching(t, &remote{answer: hangs})
		begin := time.Now()
		troubled(t, v, longLived(t, keyOne()))
		if waited := time.Since(begin); waited != 5*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
	bubble("a client that goes away takes no fetch with it", func(t *testing.T) {
		s := &remote{answer: func(r *http.Request) (*http.Response, error) {
			select {
			case <-r.Context().Done():
				return nil, r.Context().Err()
			case <-time.After(2 * time.Second):
				return publishes(t, keyOne())(r)
			}
		}}
		v := fetching(t, s)
		tok := longLived(t, keyOne())
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		go func() { _, _ = v.Verify(ctx, tok) }()
		synctest.Wait()
		good(t, v, tok)
		require.Equal(t, 1, s.called())
	})
	bubble("a client that goes away need not wait for another's fetch", func(t *testing.T) {
		v := fetching(t, &remote{answer: hangs})
		tok := longLived(t, keyOne())
		go func() { _, _ = v.Verify(context.Background(), tok) }()
		synctest.Wait()
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		begin := time.Now()
		_, err := v.Verify(ctx, tok)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(begin))
		time.Sleep(10 * time.Second)
	})
	bubble("a panic while fetching blocks nobody for ever", func(t *testing.T) {
		s := &remote{answer: func(*http.Request) (*http.Response, error) { panic("transport") }}
		v := fetching(t, s)
		tok := longLived(t, keyOne())
		require.Panics(t, func() { _, _ = v.Verify(t.Context(), tok) })
		s.answers(publishes(t, keyOne()))
		time.Sleep(10 * time.Second)
		good(t, v, tok)
	})
	for _, c := range []struct {
		cacheControl string
		fresh        time.Duration
	}{
		{"", 5 * time.Minute},
		{"no-store", 5 * time.Minute},
		{"public, max-age=600", 10 * time.Minute},
		{`MAX-AGE="600"`, 10 * time.Minute},
		{"max-age=0", time.Minute},
		{"max-age=31536000", time.Hour},
		{"max-age=99999999999999999999", 5 * time.Minute},
		{"max-age=-1", 5 * time.Minute},
		{"max-age", 5 * time.Minute},
		{"x-max-age=600", 5 * time.Minute},
	} {
		bubble("with Cache-Control "+c.cacheControl+" keys age in "+c.fresh.String(), func(t *testing.T) {
			body, err := token.JWKSet([]token.Key{keyOne()})
			require.NoError(t, err)
			s := &remote{answer: replies(200, string(body), "Cache-Control", c.cacheControl)}
			v := fetching(t, s)
			tok := longLived(t, keyOne())
			good(t, v, tok)
			time.Sleep(c.fresh - time.Second)
			good(t, v, tok)
			require.Equal(t, 1, s.called())
			time.Sleep(time.Second)
			good(t, v, tok)
			require.Equal(t, 2, s.called())
		})
	}
	set, err := token.JWKSet([]token.Key{keyOne()})
	require.NoError(t, err)
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"an error page":             replies(500, string(set)),
		"not found":                 replies(404, string(set)),
		"no content":                replies(204, ""),
		"a success of another sort": replies(203, string(set)),
		"a redirect":                replies(302, string(set), "Location", "https://evil.example/jwks"),
		"a page":                    replies(200, "<html>"),
		"half a document":           replies(200, string(set[:len(set)/2])),
		"too much":                  replies(200, string(set)+strings.Repeat(" ", 256<<10)),
		"a private key":             replies(200, `{"keys":[{"kty":"EC","crv":"P-256","kid":"1","d":"AA","x":"AA","y":"AA"}]}`),
		"a key that is no key":      replies(200, `{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"AA","y":"AA"}]}`),
		"a body that breaks off":    breaksOff,
		"nothing but a handshake":   breaks(errors.New("EOF")),
	} {
		bubble(name+" is no key set", func(t *testing.T) {
			s := &remote{answer: answer}
			v := fetching(t, s)
			troubled(t, v, longLived(t, keyOne()))
			require.Equal(t, 1, s.called(), "a redirect is not followed")
		})
		bubble(name+" does not replace one", func(t *testing.T) {
			s := &remote{answer: publishes(t, keyOne())}
			v := fetching(t, s)
			tok := longLived(t, keyOne())
			good(t, v, tok)
			s.answers(answer)
			time.Sleep(time.Hour)
			good(t, v, tok)
			require.Equal(t, 2, s.called())
		})
	}
}

// breaksOff is an answer whose body cannot be read to its end.
func breaksOff(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: brokenBody{}}, nil
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("connection reset") }
func (brokenBody) Close() error             { return nil }
