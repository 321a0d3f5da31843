//go:build !race

package grantor_test

import (
	"runtime"
	"testing"

	"github.com/grantor-go/grantor/token"
)

// The budgets are counts, which do not depend on how busy the machine is. The
// race detector allocates for itself, so they are left out under it.

func TestBudgetOfAllocationsPerRequest(t *testing.T) {
	for _, c := range []struct {
		name string
		most float64
		run  func(*rig) func()
	}{
		{"an opaque client credentials token takes at most 30", 30, func(g *rig) func() {
			return func() { g.machineToken(t) }
		}},
		{"an introspection takes at most 30", 30, func(g *rig) func() {
			body := "token=" + g.machineToken(t)
			return func() { g.post(t, "/introspect", body) }
		}},
		{"a refresh takes at most 50", 50, func(g *rig) func() {
			refresh := g.codeFlow(t)
			return func() {
				refresh = member(g.post(t, "/token", "grant_type=refresh_token&refresh_token="+refresh), "refresh_token")
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := testing.AllocsPerRun(200, c.run(newRig(t, token.Opaque{}, 1))); got > c.most {
				t.Errorf("got %v, want at most %v", got, c.most)
			}
		})
	}
}

func TestBudgetOfManySecrets(t *testing.T) {
	t.Run("CR-3.2 a client with five live secrets costs what one with one costs", func(t *testing.T) {
		allocations := func(secrets int) float64 {
			g := newRig(t, token.Opaque{}, secrets)
			return testing.AllocsPerRun(200, func() { g.machineToken(t) })
		}
		// Four more secrets at an allocation each would show; a pool that the
		// collector emptied meanwhile, or a map that grew, does not.
		if one, five := allocations(1), allocations(5); five > one+2 {
			t.Errorf("got %v allocations, want about %v", five, one)
		}
	})
}

func TestBudgetOfMemoryPerLiveToken(t *testing.T) {
	const n, most = 50_000, 500
	g := newRig(t, token.Opaque{}, 1)
	g.machineToken(t)
	before := heap()
	for range n {
		g.machineToken(t)
	}
	if got := (heap() - before) / n; got > most {
		t.Errorf("a live opaque token takes %d bytes in the memory store, want at most %d", got, most)
	}
	runtime.KeepAlive(g)
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
