package resource

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/token"
)

const (
	maxKeySet = 256 << 10 // bytes of a JWK Set; package token reads no more

	fetchEvery = 10 * time.Second // at most: garbage must not become traffic
	freshFor   = 5 * time.Minute  // without a max-age
	minFresh   = time.Minute
	maxFresh   = time.Hour
	staleFor   = 24 * time.Hour // how long the last keys survive an outage
)

// remoteKeys is the key set at a URL. Whoever finds it missing or aged fetches
// it, on its own goroutine; meanwhile the others use what is there.
type remoteKeys struct {
	url    string
	client *http.Client
	log    *slog.Logger
	now    func() time.Time

	current atomic.Pointer[keySet] // nil: never fetched

	turn   chan struct{} // whoever holds its one element may fetch, and touch what follows
	tried  time.Time     // when the last fetch began
	failed error         // what came of it
}

// A keySet is one answer.
type keySet struct {
	keys    []token.Key // the same slice as long as the answer is the same
	sum     [sha256.Size]byte
	fetched time.Time
	due     time.Time // when to fetch again
}

func (s *keySet) has(id string) bool {
	return s != nil && slices.ContainsFunc(s.keys, func(k token.Key) bool { return k.ID == id })
}

func newRemoteKeys(c *JWTConfig) *remoteKeys {
	k := &remoteKeys{url: c.KeysURL, client: newCaller(c.Client), log: c.Logger, now: c.Now, turn: make(chan struct{}, 1)}
	k.turn <- struct{}{}
	return k
}

// Keys returns the keys, as token.KeySource promises.
func (k *remoteKeys) Keys(ctx context.Context) ([]token.Key, error) {
	set := k.current.Load()
	if set != nil && k.now().Before(set.due) {
		return set.keys, nil
	}
	err := k.renew(ctx, set)
	if set = k.current.Load(); set == nil {
		return nil, err
	}
	if k.now().Sub(set.fetched) >= staleFor {
		return nil, fmt.Errorf("resource: the keys at %s are out of date and cannot be fetched", k.url)
	}
	return set.keys, nil
}

// gained reports whether the key with the ID, which was not in the set before, is
// there now; it fetches the keys to find out.
func (k *remoteKeys) gained(ctx context.Context, id string, before *keySet) bool {
	if id == "" || before == nil || before.has(id) {
		return false
	}
	_ = k.renew(ctx, before) // without success there is nothing new
	return k.current.Load().has(id)
}

// renew fetches the keys, unless a fetch began a moment ago. If somebody else is
// at it, those who have keys that merely aged do not wait. The error is what came
// of the last fetch.
func (k *remoteKeys) renew(ctx context.Context, before *keySet) error {
	select {
	case <-k.turn:
	default:
		if before != nil && !k.now().Before(before.due) {
			return nil
		}
		select {
		case <-k.turn:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() { k.turn <- struct{}{} }()
	if now := k.now(); now.Sub(k.tried) >= fetchEvery {
		k.fetch(ctx, now)
	}
	return k.failed
}

// fetch replaces the current keys, or notes why it could not. It goes on when the
// request that needed the keys is given up: others need them too.
func (k *remoteKeys) fetch(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	k.tried = now
	set, err := k.load(ctx, now)
	if err == nil {
		k.failed = nil
		k.current.Store(set)
		return
	}
	e := oautherr.TemporarilyUnavailable.Because(fmt.Errorf("resource: keys: %w", err), "the keys of the authorization server cannot be fetched")
	e.RetryAfter = fetchEvery
	k.failed = e
	if k.log != nil && k.current.Load() != nil {
		k.log.WarnContext(ctx, "keys not fetched, using the last ones", "cause", clip(err.Error()))
	}
}

func (k *remoteKeys) load(ctx context.Context, now time.Time) (*keySet, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	body, header, err := read(k.client, r, maxKeySet)
	if err != nil {
		return nil, err
	}
	set := &keySet{sum: sha256.Sum256(body), fetched: now, due: now.Add(freshness(header))}
	if old := k.current.Load(); old != nil && bytes.Equal(old.sum[:], set.sum[:]) {
		set.keys = old.keys
		return set, nil
	}
	set.keys, err = token.ParseJWKSet(body)
	return set, err
}

// freshness is the max-age of an answer (RFC 9111 §5.2.2.1), within reason.
func freshness(h http.Header) time.Duration {
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if !strings.EqualFold(name, "max-age") {
			continue
		}
		if seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
			return min(max(time.Duration(seconds)*time.Second, minFresh), maxFresh)
		}
	}
	return freshFor
}
