package pkce_test

import (
	"slices"
	"testing"
	"time"

	"github.com/grantor-go/grantor/pkce"
)

// TestTimeOfAComparison measures two wrong challenges in turn, so that whatever
// else the machine does falls on both, and compares medians. A difference that is
// real shows in every round; one round without it is enough.
func TestTimeOfAComparison(t *testing.T) {
	t.Run("PK-16 a challenge wrong in its first character takes as long as one wrong in its last", func(t *testing.T) {
		const (
			rounds    = 10
			samples   = 200 // of each challenge in a round
			calls     = 50  // in a sample
			tolerance = 0.04
		)
		verifier := pkce.NewVerifier()
		right := []byte(pkce.Challenge(verifier))
		wrongAt := func(i int) string {
			c := slices.Clone(right)
			c[i] ^= 1
			return string(c)
		}
		challenges := [2]string{wrongAt(0), wrongAt(len(right) - 1)}
		var difference float64
		for range rounds {
			var times [2][]time.Duration
			for range samples {
				for n, challenge := range challenges {
					start := time.Now()
					for range calls {
						if pkce.Verify(challenge, verifier) {
							t.Fatal("a wrong challenge is right")
						}
					}
					times[n] = append(times[n], time.Since(start))
				}
			}
			first, last := median(times[0]), median(times[1])
			if difference = float64(last-first) / float64(first); -tolerance < difference && difference < tolerance {
				return
			}
		}
		t.Errorf("the last takes %+.0f %% longer than the first", difference*100)
	})
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
