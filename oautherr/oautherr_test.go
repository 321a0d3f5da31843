package oautherr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/oautherr"
)

func TestBecause(t *testing.T) {
	cause := fmt.Errorf("store: %w", io.ErrUnexpectedEOF)
	err := oautherr.InvalidGrant.Because(cause, "the code has expired")

	t.Run("code and description are for the client, the cause is for the log", func(t *testing.T) {
		require.Equal(t, oautherr.InvalidGrant, err.Code)
		require.Equal(t, "the code has expired", err.Description)
		require.Equal(t, cause, err.Cause)
	})
	t.Run("its sentence holds all three", func(t *testing.T) {
		require.EqualError(t, err, "invalid_grant: the code has expired: store: unexpected EOF")
	})
	t.Run("parts that are missing leave no traces", func(t *testing.T) {
		require.EqualError(t, oautherr.InvalidScope.Because(nil, ""), "invalid_scope")
		require.EqualError(t, oautherr.InvalidScope.Because(nil, "none is left"), "invalid_scope: none is left")
		require.EqualError(t, oautherr.InvalidScope.Because(io.EOF, ""), "invalid_scope: EOF")
	})
	t.Run("errors.Is finds the code and the cause, also when wrapped", func(t *testing.T) {
		wrapped := fmt.Errorf("redeeming: %w", err)
		require.ErrorIs(t, wrapped, oautherr.InvalidGrant)
		require.ErrorIs(t, wrapped, io.ErrUnexpectedEOF)
		require.NotErrorIs(t, wrapped, oautherr.InvalidClient)
	})
	t.Run("without a cause errors.Is finds the code and nothing else", func(t *testing.T) {
		bare := oautherr.InvalidGrant.Because(nil, "")
		require.ErrorIs(t, bare, oautherr.InvalidGrant)
		require.NotErrorIs(t, bare, oautherr.InvalidRequest)
	})
}

func TestHTTPStatus(t *testing.T) {
	for code, want := range map[oautherr.Code]int{
		oautherr.InvalidRequest:          http.StatusBadRequest,
		oautherr.InvalidClient:           http.StatusUnauthorized,
		oautherr.InvalidGrant:            http.StatusBadRequest,
		oautherr.UnauthorizedClient:      http.StatusBadRequest,
		oautherr.UnsupportedGrantType:    http.StatusBadRequest,
		oautherr.InvalidScope:            http.StatusBadRequest,
		oautherr.InvalidTarget:           http.StatusBadRequest,
		oautherr.AccessDenied:            http.StatusBadRequest,
		oautherr.InvalidToken:            http.StatusUnauthorized,
		oautherr.InsufficientScope:       http.StatusForbidden,
		oautherr.ServerError:             http.StatusInternalServerError,
		oautherr.TemporarilyUnavailable:  http.StatusServiceUnavailable,
		oautherr.Code("of_an_extension"): http.StatusBadRequest,
	} {
		t.Run(fmt.Sprintf("%s is %d", code, want), func(t *testing.T) {
			if got := code.Because(nil, "").HTTPStatus(); got != want {
				t.Errorf("got %d, want %d", got, want)
			}
		})
	}
	t.Run("a status of its own wins", func(t *testing.T) {
		err := oautherr.InvalidRequest.Because(nil, "the body is too large")
		err.Status = http.StatusRequestEntityTooLarge
		require.Equal(t, http.StatusRequestEntityTooLarge, err.HTTPStatus())
	})
}

func TestFrom(t *testing.T) {
	t.Run("nothing comes from nothing", func(t *testing.T) {
		require.Nil(t, oautherr.From(nil))
	})
	t.Run("an Error is found however deep it is wrapped", func(t *testing.T) {
		err := oautherr.InvalidTarget.Because(io.EOF, "the resource is unknown")
		require.Same(t, err, oautherr.From(err))
		require.Same(t, err, oautherr.From(fmt.Errorf("a: %w", fmt.Errorf("b: %w", err))))
		require.Same(t, err, oautherr.From(errors.Join(io.EOF, err)))
	})
	t.Run("of two Errors, one the cause of the other, the outer speaks", func(t *testing.T) {
		inner := oautherr.InvalidToken.Because(nil, "inner")
		outer := oautherr.InvalidGrant.Because(inner, "outer")
		require.Same(t, outer, oautherr.From(outer))
	})
	t.Run("a bare Code becomes an Error that says it once", func(t *testing.T) {
		err := oautherr.From(oautherr.AccessDenied)
		require.Equal(t, &oautherr.Error{Code: oautherr.AccessDenied}, err)
		require.EqualError(t, err, "access_denied")
	})
	t.Run("a wrapped Code keeps what was wrapped around it for the log", func(t *testing.T) {
		wrapped := fmt.Errorf("no such user: %w", oautherr.AccessDenied)
		err := oautherr.From(wrapped)
		require.Equal(t, oautherr.AccessDenied, err.Code)
		require.Empty(t, err.Description)
		require.Equal(t, wrapped, err.Cause)
	})
	for name, trouble := range map[string]error{
		"a foreign error":      errors.New("pq: password authentication failed for user grantor"),
		"a deadline":           context.DeadlineExceeded,
		"several errors":       errors.Join(io.EOF, io.ErrClosedPipe),
		"an error with a text": fmt.Errorf("%s", oautherr.InvalidClient),
	} {
		t.Run(name+" is an outage, never the client's fault", func(t *testing.T) {
			err := oautherr.From(trouble)
			require.Equal(t, oautherr.TemporarilyUnavailable, err.Code)
			require.Equal(t, http.StatusServiceUnavailable, err.HTTPStatus())
			require.GreaterOrEqual(t, err.RetryAfter, time.Second)
			require.Equal(t, trouble, err.Cause)
			require.NotContains(t, err.Description, trouble.Error())
		})
	}
	t.Run("the description of an outage keeps to the characters allowed", func(t *testing.T) {
		for _, r := range oautherr.From(io.EOF).Description {
			require.True(t, r >= 0x20 && r <= 0x7E && r != '"' && r != '\\', "%q", r)
		}
	})
}

func ExampleCode_Because() {
	cause := errors.New("verifier of 43 characters, challenge stored 12 s ago")
	err := oautherr.InvalidGrant.Because(cause, "code_verifier does not match")

	fmt.Println("to the client:", err.Code, "-", err.Description)
	fmt.Println("to the log:   ", err)
	fmt.Println(errors.Is(err, oautherr.InvalidGrant))
	// Output:
	// to the client: invalid_grant - code_verifier does not match
	// to the log:    invalid_grant: code_verifier does not match: verifier of 43 characters, challenge stored 12 s ago
	// true
}

func ExampleFrom() {
	err := oautherr.From(errors.New("dial tcp 10.0.0.7:5432: connection refused"))
	fmt.Println(err.HTTPStatus(), err.Code, err.RetryAfter)
	fmt.Println(err.Description)
	// Output:
	// 503 temporarily_unavailable 1s
	// the server cannot answer right now, try again
}
