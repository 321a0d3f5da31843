package host

import "net/http"

// Bounds of one request. The URL of a request that waits for a person holds the
// whole request, encoded twice, so it may be longer than a client's.
const (
	maxHeader     = 32 << 10 // bytes of all header fields together
	maxFields     = 100
	maxURI        = 16 << 10
	maxWaitingURI = 48 << 10

	// MaxHeaderBytes is what http.Server needs to let all of these through.
	MaxHeaderBytes = maxHeader + maxWaitingURI
)

// bounded refuses requests with an outsized head. Waits reports whether a request
// is for a page that carries a waiting one in its URL.
func bounded(next http.Handler, waits func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most := maxURI
		if len(r.RequestURI) > most && waits(r) {
			most = maxWaitingURI
		}
		switch size, fields := headerSize(r.Header); {
		case len(r.RequestURI) > most:
			refuse(w, http.StatusRequestURITooLong)
		case size > maxHeader || fields > maxFields:
			refuse(w, http.StatusRequestHeaderFieldsTooLarge)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func headerSize(h http.Header) (size, fields int) {
	for name, values := range h {
		for _, v := range values {
			size += len(name) + len(v) + 4 // ": " and the end of the line
			fields++
		}
	}
	return size, fields
}

func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
}
