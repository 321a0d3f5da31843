package token

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// What a Ring does unless told otherwise.
const (
	defaultEvery   = 30 * 24 * time.Hour
	defaultPublish = 24 * time.Hour
	defaultKeep    = 24 * time.Hour
)

// A Ring is a KeySource that makes its own keys and replaces them as time goes
// by. Every key is published before it signs, so that a verifier with a cached
// key set already has it, and stays published after its last signature, until the
// last token it signed is gone.
//
// The keys live in this process: a restart makes new ones, and two processes have
// different ones. The zero value is ready for use; do not change its fields
// afterwards. A Ring changes when it is asked and something is due, and starts no
// goroutine.
type Ring struct {
	Algorithm Algorithm     // empty: ES256
	Every     time.Duration // how long a key signs; zero: 30 days
	Publish   time.Duration // how long a key is published before it signs; zero: 24 hours
	// Keep is how long a key is published after it stopped signing: at least the
	// lifetime of a token and the clock skew of verifiers. Zero: 24 hours.
	Keep time.Duration
	Now  func() time.Time // nil: time.Now

	mu    sync.Mutex // held while the ring changes
	state atomic.Pointer[ringState]
}

// Keys returns the key that signs, followed by those that only verify. The first
// call makes the first key.
func (r *Ring) Keys(context.Context) ([]Key, error) {
	s := r.state.Load()
	if s != nil && r.now().Before(s.due) {
		return s.keys, nil
	}
	if s == nil {
		r.mu.Lock()
	} else if !r.mu.TryLock() {
		return s.keys, nil // somebody is changing it; what was good stays good meanwhile
	}
	defer r.mu.Unlock()
	s, err := r.advance(r.state.Load())
	if err != nil {
		return nil, err
	}
	r.state.Store(s)
	return s.keys, nil
}

// Rotate is for a key that may have leaked. When it returns, the key that signed
// is gone, together with every token it signed, and a new key signs; there was no
// time to publish that one in advance. A successor already published lay in the
// same memory and is dropped as well. Keys that had stopped signing earlier stay.
func (r *Ring) Rotate(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var retired []retiredKey
	if s := r.state.Load(); s != nil {
		retired = s.retired
	}
	s, err := r.begin(retired)
	if err != nil {
		return err
	}
	r.state.Store(s)
	return nil
}

// A ringState never changes; the ring goes from one to the next.
type ringState struct {
	keys    []Key     // what Keys answers
	due     time.Time // until then there is nothing to do
	current Key
	next    Key       // zero until it is published
	turn    time.Time // when next takes over
	retired []retiredKey
}

type retiredKey struct {
	key   Key
	until time.Time
}

// begin makes a state in which a new key signs at once.
func (r *Ring) begin(retired []retiredKey) (*ringState, error) {
	if r.Every < 0 || r.Publish < 0 || r.Keep < 0 {
		return nil, errors.New("token: Ring: Every, Publish and Keep must not be negative")
	}
	current, err := r.generate()
	if err != nil {
		return nil, err
	}
	s := &ringState{current: current, turn: r.now().Add(r.every()), retired: retired}
	return s.settle(r.publish()), nil
}

// advance does what is due. It returns s itself if nothing is.
func (r *Ring) advance(s *ringState) (*ringState, error) {
	if s == nil {
		return r.begin(nil)
	}
	now := r.now()
	if now.Before(s.due) {
		return s, nil
	}
	n := &ringState{current: s.current, next: s.next, turn: s.turn}
	for _, k := range s.retired {
		if now.Before(k.until) {
			n.retired = append(n.retired, k)
		}
	}
	if n.next.Signer != nil && !now.Before(n.turn) {
		n.retired = append(n.retired, retiredKey{n.current.verifyOnly(), now.Add(r.keep())})
		n.current, n.next, n.turn = n.next, Key{}, now.Add(r.every())
	}
	if n.next.Signer == nil && !now.Before(n.turn.Add(-r.publish())) {
		next, err := r.generate()
		if err != nil {
			return nil, err
		}
		n.next = next
		// Nobody may have asked for long: the lead counts from the publication.
		if ready := r.now().Add(r.publish()); n.turn.Before(ready) {
			n.turn = ready
		}
	}
	return n.settle(r.publish()), nil
}

// settle fills in what follows from the rest of the state.
func (s *ringState) settle(publish time.Duration) *ringState {
	s.keys = append(s.keys, s.current)
	s.due = s.turn.Add(-publish)
	if s.next.Signer != nil {
		s.keys = append(s.keys, s.next.verifyOnly())
		s.due = s.turn
	}
	for _, k := range s.retired {
		s.keys = append(s.keys, k.key)
		if k.until.Before(s.due) {
			s.due = k.until
		}
	}
	return s
}

func (r *Ring) generate() (Key, error) { return GenerateKey(cmp.Or(r.Algorithm, ES256)) }

func (r *Ring) every() time.Duration   { return cmp.Or(r.Every, defaultEvery) }
func (r *Ring) publish() time.Duration { return cmp.Or(r.Publish, defaultPublish) }
func (r *Ring) keep() time.Duration    { return cmp.Or(r.Keep, defaultKeep) }

func (r *Ring) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}
