package main_test

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mostLines is how long a host with a login may be.
const mostLines = 60

func TestTheHostIsShort(t *testing.T) {
	source, err := os.ReadFile("main.go")
	require.NoError(t, err)
	n := 0
	for line := range strings.Lines(string(source)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			n++
		}
	}
	if n > mostLines {
		t.Errorf("got %d lines of code, want at most %d", n, mostLines)
	}
}

// start builds and runs the program. It returns its address, the request that it
// prints, and the name of the file that it logs to.
func start(t *testing.T) (issuer, request, logged string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "webapp")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that nobody uses
	require.NoError(t, err)
	require.NoError(t, l.Close())

	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, program, l.Addr().String())
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	cmd.Stderr = log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // it was killed
		_ = log.Close()
	})
	printed := make([]byte, 4096)
	n, err := stdout.Read(printed)
	require.NoError(t, err)
	request = regexp.MustCompile(`http\S+`).FindString(string(printed[:n]))
	issuer = "http://" + l.Addr().String()
	require.Eventually(t, func() bool {
		res, err := http.Get(issuer + "/.well-known/oauth-authorization-server")
		if err == nil {
			_ = res.Body.Close()
		}
		return err == nil
	}, 20*time.Second, 20*time.Millisecond)
	return issuer, request, log.Name()
}

// A browser keeps cookies, and trusts loopback with secure ones as browsers do.
type browser struct {
	t       *testing.T
	cookies map[string]*http.Cookie
	url     *url.URL // where it is
	status  int
	page    string
}

func newBrowser(t *testing.T) *browser { return &browser{t: t, cookies: map[string]*http.Cookie{}} }

func (b *browser) open(rawURL string) {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, rawURL, nil)
	require.NoError(b.t, err)
	b.send(r)
}

// submit sends the one form of the page, with its hidden fields and the pairs.
func (b *browser) submit(site string, pairs ...string) {
	b.t.Helper()
	action := regexp.MustCompile(`<form method="post" action="([^"]*)"`).FindStringSubmatch(b.page)
	require.NotNil(b.t, action, "no form: %s", b.page)
	v := url.Values{}
	for _, hidden := range regexp.MustCompile(`type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(b.page, -1) {
		v.Set(hidden[1], html.UnescapeString(hidden[2]))
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	target, err := b.url.Parse(html.UnescapeString(action[1]))
	require.NoError(b.t, err)
	r, err := http.NewRequest(http.MethodPost, target.String(), strings.NewReader(v.Encode()))
	require.NoError(b.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", site)
	b.send(r)
}

// send sends the request and follows where it leads.
func (b *browser) send(r *http.Request) {
	b.t.Helper()
	for range 10 {
		for _, c := range b.cookies {
			r.AddCookie(c)
		}
		res, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(b.t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(b.t, err)
		require.NoError(b.t, res.Body.Close())
		for _, c := range res.Cookies() {
			b.cookies[c.Name] = c
		}
		b.url, b.status, b.page = r.URL, res.StatusCode, string(body)
		to := res.Header.Get("Location")
		if to == "" {
			return
		}
		next, err := r.URL.Parse(to)
		require.NoError(b.t, err)
		require.Equal(b.t, r.URL.Host, next.Host, "the browser is sent away")
		r, err = http.NewRequest(http.MethodGet, next.String(), nil)
		require.NoError(b.t, err)
	}
	b.t.Fatal("a redirect loop")
}

func TestAProgramGetsAPersonsData(t *testing.T) {
	issuer, request, logged := start(t)
	b := newBrowser(t)
	b.open(request)
	require.Equal(t, "/login", b.url.Path)
	b.submit("same-origin", "username", "alice", "password", "guess")
	require.Contains(t, b.page, "did not work")
	b.submit("same-origin", "username", "alice", "password", "wonderland")
	require.Contains(t, b.page, "The Reader")
	b.submit("same-origin", "action", "approve")
	require.Equal(t, "/callback", b.url.Path)

	curl := regexp.MustCompile(`curl (.*) (http\S+)\n`).FindStringSubmatch(b.page)
	require.Len(t, curl, 3, "%s", b.page)
	body := strings.ReplaceAll(strings.ReplaceAll(curl[1], "-d ", ""), " ", "&")
	res, err := http.Post(curl[2], "application/x-www-form-urlencoded", strings.NewReader(body))
	require.NoError(t, err)
	defer res.Body.Close()
	var tokens struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
	}
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.NoError(t, json.NewDecoder(res.Body).Decode(&tokens))

	me := func(accessToken string) (int, map[string]string) {
		r, err := http.NewRequest(http.MethodGet, issuer+"/api/me", nil)
		require.NoError(t, err)
		if accessToken != "" {
			r.Header.Set("Authorization", "Bearer "+accessToken)
		}
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer res.Body.Close()
		who := map[string]string{}
		if res.StatusCode == http.StatusOK {
			require.NoError(t, json.NewDecoder(res.Body).Decode(&who))
		}
		return res.StatusCode, who
	}
	t.Run("the API knows whose data it is", func(t *testing.T) {
		status, who := me(tokens.AccessToken)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, map[string]string{"username": "alice", "through": "reader"}, who)
	})
	t.Run("without a token there is nothing", func(t *testing.T) {
		for _, bad := range []string{"", "x", tokens.RefreshToken, tokens.AccessToken + "x"} {
			status, _ := me(bad)
			require.Equal(t, http.StatusUnauthorized, status)
		}
	})
	t.Run("a code that nobody issued is refused, and the log says so", func(t *testing.T) {
		res, err := http.PostForm(issuer+"/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {"reader"}, "code": {"guess"}})
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusBadRequest, res.StatusCode)
		log, err := os.ReadFile(logged)
		require.NoError(t, err)
		require.Contains(t, string(log), "client_id=reader")
		require.NotContains(t, string(log), "guess")
	})
	t.Run("a revoked token is worth nothing at once", func(t *testing.T) {
		res, err := http.PostForm(issuer+"/revoke", url.Values{"client_id": {"reader"}, "token": {tokens.RefreshToken}})
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		status, _ := me(tokens.AccessToken)
		require.Equal(t, http.StatusUnauthorized, status)
	})
}

func TestLogin(t *testing.T) {
	issuer, _, _ := start(t)
	t.Run("the cookie is locked down, and new at each login", func(t *testing.T) {
		b := newBrowser(t)
		values := map[string]bool{}
		for range 2 {
			b.open(issuer + "/login")
			b.submit("same-origin", "username", "alice", "password", "wonderland")
			c := b.cookies["__Host-session"]
			require.NotNil(t, c)
			if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge <= 0 {
				t.Errorf("got %v", c)
			}
			values[c.Value] = true
		}
		require.Len(t, values, 2)
	})
	t.Run("a form of another site signs nobody in", func(t *testing.T) {
		b := newBrowser(t)
		b.open(issuer + "/login")
		b.submit("cross-site", "username", "alice", "password", "wonderland")
		require.Equal(t, http.StatusForbidden, b.status)
		require.Empty(t, b.cookies)
	})
	t.Run("it leads back to requests of this server, and nowhere else", func(t *testing.T) {
		for _, to := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)", issuer + ".evil.example/authorize/continue?", ""} {
			b := newBrowser(t)
			b.open(issuer + "/login?return_to=" + url.QueryEscape(to))
			b.submit("same-origin", "username", "alice", "password", "wonderland")
			require.Equal(t, issuer+"/", b.url.String(), to)
		}
	})
	t.Run("the page cannot be framed and escapes what it repeats", func(t *testing.T) {
		b := newBrowser(t)
		b.open(issuer + "/login?username=" + url.QueryEscape(`"><script>`))
		require.NotContains(t, b.page, "<script")
		res, err := http.Get(issuer + "/login")
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Contains(t, res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	})
	t.Run("the callback shows a command only for what can be a code", func(t *testing.T) {
		b := newBrowser(t)
		b.open(issuer + "/callback?code=" + url.QueryEscape("x; rm -rf ~"))
		require.Equal(t, http.StatusBadRequest, b.status)
	})
}
