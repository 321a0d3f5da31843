package grantor_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
)

// A wire is a server on a real socket, set up as the documentation tells hosts.
type wire struct {
	t *testing.T
	*httptest.Server
}

func (f *fixture) listen() *wire {
	f.t.Helper()
	s := httptest.NewUnstartedServer(f.server)
	s.Config.MaxHeaderBytes = 16 << 10
	s.Config.ReadHeaderTimeout = 5 * time.Second
	s.Config.ErrorLog = nil
	s.Start()
	f.t.Cleanup(s.Close)
	return &wire{f.t, s}
}

// send writes raw bytes and returns the status codes of everything that comes
// back until the server closes or falls silent.
func (w *wire) send(raw string) (statuses []string, closed bool) {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.Listener.Addr().String())
	require.NoError(w.t, err)
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, raw) }() // the server may stop reading
	require.NoError(w.t, conn.SetReadDeadline(time.Now().Add(500*time.Millisecond)))
	in := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(in, nil)
		if err == nil {
			statuses = append(statuses, strconv.Itoa(res.StatusCode))
			_, err = io.Copy(io.Discard, res.Body)
		}
		if err != nil {
			timeout, ok := err.(net.Error)
			return statuses, !ok || !timeout.Timeout()
		}
	}
}

// rawPost is a request of m2m for a token, with further header lines.
func rawPost(lines, body string) string {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.SetBasicAuth("m2m", secrets["m2m"])
	return "POST /token HTTP/1.1\r\nHost: as.example\r\nContent-Type: application/x-www-form-urlencoded\r\nAuthorization: " +
		r.Header.Get("Authorization") + "\r\n" + lines + "\r\n" + body
}

const machineBody = "grant_type=client_credentials"

func TestFraming(t *testing.T) {
	f := newFixture(t)
	w := f.listen()
	n := len(machineBody)
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", n, machineBody)
	t.Run("the control is answered", func(t *testing.T) {
		got, _ := w.send(rawPost(fmt.Sprintf("Content-Length: %d\r\n", n), machineBody))
		require.Equal(t, []string{"200"}, got)
		got, _ = w.send(rawPost("Transfer-Encoding: chunked\r\n", chunked))
		require.Equal(t, []string{"200"}, got)
	})
	smuggled := "GET /jwks HTTP/1.1\r\nHost: as.example\r\n\r\n"
	for name, raw := range map[string]string{
		"two lengths that differ":               rawPost(fmt.Sprintf("Content-Length: %d\r\nContent-Length: %d\r\n", n, n+1), machineBody+smuggled),
		"a length with a sign":                  rawPost(fmt.Sprintf("Content-Length: +%d\r\n", n), machineBody+smuggled),
		"a list of lengths":                     rawPost(fmt.Sprintf("Content-Length: %d, %d\r\n", n, n+5), machineBody+smuggled),
		"an unknown transfer coding":            rawPost("Transfer-Encoding: xchunked\r\n", chunked+smuggled),
		"a transfer coding behind a tab":        rawPost("Transfer-Encoding:\x0bchunked\r\n", chunked+smuggled),
		"two transfer codings":                  rawPost("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunked+smuggled),
		"a space before the colon":              rawPost("Transfer-Encoding : chunked\r\n", chunked+smuggled),
		"chunks that end in a bare line feed":   rawPost("Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\n%s\n0\n\n", n, machineBody)+smuggled),
		"a chunk size that is no number":        rawPost("Transfer-Encoding: chunked\r\n", fmt.Sprintf("0x%x\r\n%s\r\n0\r\n\r\n", n, machineBody)+smuggled),
		"a chunk that is longer than it says":   rawPost("Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%sX\r\n0\r\n\r\n", n, machineBody)+smuggled),
		"a flood of chunk extensions":           rawPost("Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x;%s\r\n%s\r\n0\r\n\r\n", n, strings.Repeat("x", 64<<10), machineBody)+smuggled),
		"a null byte in a header":               rawPost(fmt.Sprintf("X-A: \x00\r\nContent-Length: %d\r\n", n), machineBody+smuggled),
		"a body that breaks off before its end": rawPost("Transfer-Encoding: chunked\r\n", "1d\r\ngrant_type=client"),
		"a line that is not HTTP":               "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"a host that is sent twice":             rawPost("Host: evil.example\r\n", "") + smuggled,
		"a host that is not one (HT-08)":        "GET /jwks HTTP/1.1\r\nHost: a b\r\n\r\n" + smuggled,
		"no host, which HTTP/1.1 needs (HT-08)": "GET /jwks HTTP/1.1\r\n\r\n" + smuggled,
		"a request line of 20 kB (HT-03)":       "GET /jwks?" + strings.Repeat("a", 21<<10) + " HTTP/1.1\r\nHost: as.example\r\n\r\n",
		"a header of 40 kB (HT-02)":             rawPost("X-Long: "+strings.Repeat("a", 40<<10)+"\r\n", ""),
		"a thousand headers (HT-02)":            rawPost(strings.Repeat("X-Many: aaaaaaaaaaaaaa\r\n", 1000), ""),
		"three thousand cookies (HT-02)":        rawPost("Cookie: "+strings.Repeat("a=bcdef; ", 3000)+"\r\n", ""),
		"an Authorization of 40 kB (HT-02)":     "POST /token HTTP/1.1\r\nHost: as.example\r\nAuthorization: Basic " + strings.Repeat("QQ", 20<<10) + "\r\n\r\n",
		"a body of 5 MB announced, never sent":  rawPost("Content-Length: 5000000\r\n", ""),
	} {
		t.Run("HT-01 "+name+": one refusal, no token, and nothing behind it is a request", func(t *testing.T) {
			before := f.memory.Len()
			got, closed := w.send(raw)
			if len(got) > 1 || len(got) == 1 && !strings.HasPrefix(got[0], "4") && got[0] != "501" && got[0] != "505" {
				t.Errorf("got %v", got)
			}
			if !closed && !strings.HasPrefix(name, "a body that breaks off") {
				t.Errorf("the connection stays open")
			}
			require.Equal(t, before, f.memory.Len())
		})
	}
	t.Run("HT-01 a length beside a transfer coding is not believed, and the connection ends with the answer", func(t *testing.T) {
		// net/http goes by the transfer coding and drops the length, as RFC 9112 §6.3
		// allows. §6.1 asks for the rest.
		for _, length := range []int{4, len(chunked), len(chunked) + len(smuggled)} {
			got, closed := w.send(rawPost(fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n", length), chunked+smuggled))
			if len(got) != 1 || !closed {
				t.Errorf("length %d: got %v, closed %v", length, got, closed)
			}
		}
	})
	t.Run("HT-08 an absolute target and a host that is nobody's show this issuer, or nothing", func(t *testing.T) {
		for _, target := range []string{"http://evil.example/jwks", "http://as.example/jwks", "/jwks"} {
			got, _ := w.send("GET " + target + " HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
			require.Len(t, got, 1)
		}
		r, err := http.NewRequest(http.MethodGet, w.URL+document, nil)
		require.NoError(t, err)
		r.Host = "evil.example"
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Contains(t, string(body), `"issuer":"`+issuer+`"`)
		require.NotContains(t, string(body), "evil")
	})
	t.Run("HT-11 naming credentials in Connection takes none of them away", func(t *testing.T) {
		got, _ := w.send(rawPost(fmt.Sprintf("Connection: close, Authorization, Cookie, DPoP, Content-Type\r\nContent-Length: %d\r\n", n), machineBody))
		require.Equal(t, []string{"200"}, got)
		got, _ = w.send(strings.Replace(rawPost(fmt.Sprintf("Connection: close, Authorization\r\nContent-Length: %d\r\n", n), machineBody), "Authorization: Basic ", "Authorization: Basic x", 1))
		require.Equal(t, []string{"401"}, got)
	})
	t.Run("HT-03 an authorization request that is too long for a URL is 414, on any server", func(t *testing.T) {
		res := f.browser("alice").authorize(request("conf-a", "extra", strings.Repeat("a", 17<<10)))
		require.Equal(t, http.StatusRequestURITooLong, res.StatusCode)
	})
}

func TestExhaustion(t *testing.T) {
	t.Run("DS-01 slow hashes run a few at a time; who would have to wait too long is told to come again", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) {
			f.config.Secrets.Hasher = &secret.Slow{MaxConcurrent: 1, MaxWait: -1}
		})
		var all sync.WaitGroup
		var mu sync.Mutex
		counts := map[int]int{}
		for range 24 {
			all.Go(func() {
				r := f.request("/token", "", url.Values{"grant_type": {"client_credentials"}})
				r.SetBasicAuth("enc%3Aid", "guess")
				res := f.do(r)
				if res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "" {
					t.Errorf("503 without Retry-After")
				}
				mu.Lock()
				counts[res.StatusCode]++
				mu.Unlock()
			})
		}
		for range 20 { // others go on meanwhile
			require.Equal(t, http.StatusOK, f.post("/token", "m2m", url.Values{"grant_type": {"client_credentials"}}).StatusCode)
		}
		all.Wait()
		if counts[http.StatusUnauthorized] == 0 || counts[http.StatusServiceUnavailable] == 0 || counts[http.StatusUnauthorized]+counts[http.StatusServiceUnavailable] != 24 {
			t.Errorf("got %v, want some 401 and some 503", counts)
		}
	})
	t.Run("DS-03 requests of people who never sign in leave nothing in the store", func(t *testing.T) {
		f := newFixture(t)
		for range 1000 {
			res := f.browser("").authorize(request("conf-a"))
			require.Equal(t, http.StatusSeeOther, res.StatusCode)
			f.browser("alice").authorize(request("conf-a"))
		}
		require.Zero(t, f.memory.Len())
	})
	t.Run("DS-06 a limiter remembers a bounded number of sources, and takes a subscriber's IPv6 network for one", func(t *testing.T) {
		var limiter grant.Throttle
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before, now := heap(), time.Now()
		guess := func(source string, n int) time.Duration {
			wait, err := limiter.Allow(t.Context(), grant.Attempt{Kind: "password", Account: fmt.Sprint("victim", n), Source: source, Now: now})
			require.NoError(t, err)
			return wait
		}
		for n := range 300_000 {
			guess(fmt.Sprintf("2001:db8:%x:%x::1", n>>16, n&0xffff), n)
		}
		if grown := int64(heap()) - int64(before); grown > 64<<20 {
			t.Errorf("%d MB for 300,000 sources", grown>>20)
		}
		waits := 0
		for n := range 100 {
			if guess(fmt.Sprintf("2001:db8:ffff:ffff:%x::%x", n, n), n) > 0 {
				waits++
			}
		}
		require.Positive(t, waits, "a hundred guesses from one network passed")
		runtime.KeepAlive(&limiter)
	})
	t.Run("DS-07 long values are refused, and cost no more than reading them", func(t *testing.T) {
		f := newFixture(t)
		words := strings.TrimSpace(strings.Repeat("read ", 10_000))
		for name, form := range map[string]url.Values{
			"ten thousand scopes": {"grant_type": {"client_credentials"}, "scope": {words}},
			"a resource of 60 kB": {"grant_type": {"client_credentials"}, "resource": {"https://" + strings.Repeat("a", 60<<10)}},
			"a scope of 60 kB":    {"grant_type": {"client_credentials"}, "scope": {strings.Repeat("s", 60<<10)}},
		} {
			begin := time.Now()
			if res := f.post("/token", "m2m", form); res.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: got %d %s", name, res.StatusCode, res.body)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("%s took %v", name, took)
			}
		}
		for _, redirect := range []string{"https://" + strings.Repeat("a", 10<<10), "http://[" + strings.Repeat(":", 4<<10) + "]/cb"} {
			require.Equal(t, http.StatusBadRequest, f.browser("alice").authorize(request("pub", "redirect_uri", redirect)).StatusCode)
		}
	})
	t.Run("DS-10 requests that break off leave no goroutine behind", func(t *testing.T) {
		f := newFixture(t)
		w := f.listen()
		address := w.Listener.Addr().String()
		before := runtime.NumGoroutine()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for n := range 50 {
					conn, err := net.Dial("tcp", address)
					if err != nil {
						t.Error(err)
						return
					}
					raw := rawPost(fmt.Sprintf("Content-Length: %d\r\n", len(machineBody)), machineBody)
					_, _ = io.WriteString(conn, raw[:len(raw)*(n%10+1)/10])
					_ = conn.Close()
				}
			})
		}
		all.Wait()
		require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+5 }, 5*time.Second, 10*time.Millisecond)
	})
	t.Run("DS-12 revoking all of a client with very many grants is one quick step, and spares the others", func(t *testing.T) {
		f := newFixture(t)
		many := make([]string, 20_000)
		for n := range many {
			many[n] = f.machineToken("m2m")
		}
		other := f.machineToken("conf-a")
		begin := time.Now()
		require.NoError(t, f.server.Revoke(t.Context(), store.Query{Client: "m2m"}))
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
		for n := 0; n < len(many); n += 997 {
			require.False(t, f.alive(many[n]))
		}
		require.True(t, f.alive(other))
	})
	t.Run("LG-09 nothing for debugging is mounted", func(t *testing.T) {
		f := newFixture(t)
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/metrics", "/healthz", "/admin", "/.env", "/server-status"} {
			require.Equal(t, http.StatusNotFound, f.get(issuer+path).StatusCode, path)
		}
		for pattern := range f.server.Routes() {
			require.NotContains(t, pattern, "debug")
		}
	})
	t.Run("HT-12 pages and redirects of the browser side carry their headers, over https HSTS too", func(t *testing.T) {
		f := newFixture(t)
		res := f.browser("alice").authorize(request("conf-a"))
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		require.Contains(t, res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
		require.NotEmpty(t, res.Header.Get("Strict-Transport-Security"))
		plain := newFixture(t, at("http://127.0.0.1:8080"))
		res = plain.get("http://127.0.0.1:8080/authorize")
		require.Equal(t, http.StatusBadRequest, res.StatusCode)
		require.Empty(t, res.Header.Get("Strict-Transport-Security"), "http makes no promise about https")
	})
}
