package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/token"
)

// mostLines is how long a host with the client credentials grant may be.
const mostLines = 25

func TestQuickstart(t *testing.T) {
	t.Run("it is short", func(t *testing.T) {
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
	})
	t.Run("the curl line that it prints gets a token that its keys verify", func(t *testing.T) {
		request, _ := start(t)
		res := send(t, request)
		var answer struct {
			AccessToken string `json:"access_token"`
			TokenType   string `json:"token_type"`
			Scope       string
		}
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.NoError(t, json.NewDecoder(res.Body).Decode(&answer))
		if answer.TokenType != "Bearer" || answer.Scope != "read" || strings.Count(answer.AccessToken, ".") != 2 {
			t.Errorf("got %+v, want a JWT for the scope read", answer)
		}
		issuer := "http://" + request.URL.Host
		claims, err := (&token.JWT{Issuer: issuer, Keys: published(issuer + "/jwks")}).Parse(t.Context(), answer.AccessToken)
		if err != nil || claims.Subject != "robot" || !claims.HasScope("read") {
			t.Errorf("got %+v, %v, want the claims of robot", claims, err)
		}
	})
	t.Run("another secret gets none, and the log says so", func(t *testing.T) {
		request, logged := start(t)
		request.SetBasicAuth("robot", "guess")
		if res := send(t, request); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("got %d, want 401", res.StatusCode)
		}
		log, err := os.ReadFile(logged)
		require.NoError(t, err)
		require.Contains(t, string(log), "client.refused")
		require.NotContains(t, string(log), "guess")
	})
}

// published is the address of a JWK Set, and a source of the keys there.
type published string

func (p published) Keys(ctx context.Context) ([]token.Key, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, string(p), nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	document, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	return token.ParseJWKSet(document)
}

// start builds and runs the program, and returns the request that its curl line
// describes, and the name of the file that the program logs to.
func start(t *testing.T) (request *http.Request, logged string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "quickstart")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)

	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, program, freeAddress(t))
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
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	return curl(t, strings.Fields(line)), log.Name()
}

// curl is the request that curl would send.
func curl(t *testing.T, args []string) *http.Request {
	t.Helper()
	require.Equal(t, "curl", args[0])
	var data []string
	var user, target string
	for args = args[1:]; len(args) > 0; args = args[1:] {
		switch args[0] {
		case "-u":
			user, args = args[1], args[1:]
		case "-d":
			data, args = append(data, args[1]), args[1:]
		default:
			target = args[0]
		}
	}
	request, err := http.NewRequest(http.MethodPost, target, strings.NewReader(strings.Join(data, "&")))
	require.NoError(t, err)
	id, password, _ := strings.Cut(user, ":")
	request.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(password))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request
}

// send sends the request as soon as the program listens.
func send(t *testing.T, request *http.Request) *http.Response {
	t.Helper()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", request.URL.Host)
		if err == nil {
			err = c.Close()
		}
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	res, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
