package resource_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/grantor-go/grantor/resource"
)

// A request with a JWT that was seen before: header, verification, claims. 2 µs
// are the budget.
func BenchmarkGuardJWT(b *testing.B) {
	for name, c := range map[string]resource.JWTConfig{
		"keys at hand": {Keys: static(b, keyOne())},
		"keys fetched": {KeysURL: keysURL, Client: (&remote{answer: publishes(b, keyOne())}).client()},
	} {
		b.Run(name, func(b *testing.B) {
			guard := resource.Guard{Verifier: newJWT(b, c), Resource: api}
			passes := 0
			h := guard.Require("read")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passes++ }))
			r, w := with(minted(b, keyOne(), time.Now())), httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
			if passes == 0 || w.Code != http.StatusOK {
				b.Fatalf("%d %s", w.Code, w.Body)
			}
		})
	}
}

// What it costs to turn away a request without a token, which strangers send as
// often as they like.
func BenchmarkGuardRefuses(b *testing.B) {
	h := resource.Guard{Verifier: says(claims()), Resource: api}.Require("read")(passed)
	r := httptest.NewRequest(http.MethodGet, api, nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
