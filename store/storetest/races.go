package storetest

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/grantor-go/grantor/store"
)

func raceChecks() []check {
	return []check{
		{"of 64 creates at once exactly one wins", oneCreateWins},
		{"of 64 updates at once exactly one wins", oneUpdateWins},
		{"updates at once lose nothing: versions count up without a gap", noLostUpdate},
		{"a Delete is not undone by the updates under way", deleteOutlastsUpdates},
		{"of 16 Deletes at once exactly one removes the record", oneDeleteCounts},
		{"calls for other records do not disturb", bystanders},
	}
}

// racers is how many contenders a race has.
const racers = 64

// race runs n calls at once, every other one through the replica, and returns
// their errors.
func (p *probe) race(n int, call func(i int, s store.Store) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		s := p.store
		if i%2 == 1 {
			s = p.replica
		}
		wg.Go(func() {
			<-start
			errs[i] = call(i, s)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// oneWinner returns which call won the race; all others must have lost it to a
// conflict.
func (p *probe) oneWinner(errs []error) int {
	p.Helper()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			p.broken("both racer %d and racer %d won", winner, i)
		case !errors.Is(err, store.ErrConflict):
			p.broken("racer %d got %q, want ErrConflict", i, err)
		}
	}
	if winner < 0 {
		p.broken("nobody won")
	}
	return winner
}

func oneCreateWins(p *probe) {
	for round := range 10 {
		r := sample(fmt.Sprintf("id-%d", round))
		bid := func(i int) store.Record {
			r := r
			r.Client, r.Data = strconv.Itoa(i), strconv.AppendInt(nil, int64(i), 10)
			return r
		}
		won := bid(p.oneWinner(p.race(racers, func(i int, s store.Store) error { return s.Put(p.ctx, bid(i)) })))
		won.Version = 1
		p.holds(won)
		p.finds(store.Query{Kind: r.Kind, Grant: r.Grant}, won)
	}
}

func oneUpdateWins(p *probe) {
	r := p.put(sample("a"))
	for range 10 {
		bid := func(i int) store.Record {
			r := r
			r.Data = strconv.AppendInt(nil, int64(i), 10)
			return r
		}
		won := bid(p.oneWinner(p.race(racers, func(i int, s store.Store) error { return s.Put(p.ctx, bid(i)) })))
		won.Version++
		p.holds(won)
		r = won
	}
}

func noLostUpdate(p *probe) {
	const workers, rounds = 8, 16
	r := sample("a")
	r.Data = []byte("0")
	p.put(r)
	var mu sync.Mutex
	var versions []int64
	increment := func(s store.Store) error {
		// Each conflict is somebody else's success, and there are only so many.
		for range workers * rounds {
			r, err := s.Get(p.ctx, "grant", "a")
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(string(r.Data))
			if err != nil {
				return err
			}
			r.Data = strconv.AppendInt(nil, int64(n+1), 10)
			if err = s.Put(p.ctx, r); err == nil {
				mu.Lock()
				defer mu.Unlock()
				versions = append(versions, r.Version+1)
				return nil
			}
			if !errors.Is(err, store.ErrConflict) {
				return err
			}
		}
		return errors.New("more conflicts than there were updates")
	}
	errs := p.race(workers, func(_ int, s store.Store) error {
		for range rounds {
			if err := increment(s); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		p.broken("an update failed: %v", err)
	}
	slices.Sort(versions)
	for i, v := range versions {
		if v != int64(i+2) {
			p.broken("the versions written are %v, want 2 to %d, each once", versions, workers*rounds+1)
		}
	}
	r.Version, r.Data = workers*rounds+1, strconv.AppendInt(nil, workers*rounds, 10)
	p.holds(r)
}

func deleteOutlastsUpdates(p *probe) {
	for round := range 20 {
		r := p.put(sample(fmt.Sprintf("id-%d", round)))
		errs := p.race(8, func(i int, s store.Store) error {
			if i == 4 {
				_, err := s.Delete(p.ctx, store.Query{Subject: r.Subject})
				return err
			}
			for range 10 {
				r, err := s.Get(p.ctx, r.Kind, r.ID)
				if err == nil {
					err = s.Put(p.ctx, r)
				}
				if errors.Is(err, store.ErrNotFound) {
					return nil
				}
				if err != nil && !errors.Is(err, store.ErrConflict) {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			p.broken("a call failed: %v", err)
		}
		p.lacks(r)
		p.finds(store.Query{Kind: r.Kind})
	}
}

func oneDeleteCounts(p *probe) {
	for round := range 10 {
		r := p.put(sample(fmt.Sprintf("id-%d", round)))
		counts := make([]int, 16)
		errs := p.race(len(counts), func(i int, s store.Store) (err error) {
			counts[i], err = s.Delete(p.ctx, store.Query{Kind: r.Kind, ID: r.ID})
			return err
		})
		total := 0
		for _, n := range counts {
			total += n
		}
		if err := errors.Join(errs...); err != nil || total != 1 {
			p.broken("together they removed %d records, with errors %v, want 1 and none", total, err)
		}
	}
}

// bystanders has some write and delete records that come and go, and others
// write records of their own for as long as that lasts: those see no conflict,
// and lose nothing.
func bystanders(p *probe) {
	const rounds, passing = 16, 4
	var busy atomic.Int32
	busy.Store(passing)
	comeAndGo := func(r store.Record, s store.Store) error {
		defer busy.Add(-1)
		r.Subject = "passing"
		for range rounds {
			if err := s.Put(p.ctx, r); err != nil && !errors.Is(err, store.ErrConflict) {
				return fmt.Errorf("Put of %s: %w", describe(r), err)
			}
			if _, err := s.Delete(p.ctx, store.Query{Subject: r.Subject}); err != nil {
				return fmt.Errorf("Delete of %s: %w", describe(r), err)
			}
		}
		return nil
	}
	stay := func(r store.Record, s store.Store) error {
		for round := 0; round < rounds || busy.Load() > 0; round++ {
			runtime.Gosched() // where there is one processor, the others want it
			if err := s.Put(p.ctx, r); err != nil {
				return fmt.Errorf("Put of %s: %w", describe(r), err)
			}
			r.Version++
			if got, err := s.Get(p.ctx, r.Kind, r.ID); err != nil || difference(got, r) != "" {
				return fmt.Errorf("Get of %s after its Put: %s, %w", describe(r), difference(got, r), err)
			}
		}
		return nil
	}
	errs := p.race(3*passing, func(i int, s store.Store) error {
		r := sample(fmt.Sprintf("id-%d", i))
		if i < passing {
			return comeAndGo(r, s)
		}
		return stay(r, s)
	})
	if err := errors.Join(errs...); err != nil {
		p.broken("%v", err)
	}
}
