// Package oautherr holds the error codes of OAuth and the one error type that
// may reach a client.
//
// An [Error] says two things at once and keeps them apart: Code and Description
// are for the client and are written to the wire; the cause is for the log and
// never leaves the process. Everything that is not an Error is, to a client, an
// outage: see [From].
package oautherr

import (
	"errors"
	"net/http"
	"time"
)

// Code is an error code as it appears in the "error" member or parameter. It is
// itself an error, so errors.Is(err, oautherr.InvalidGrant) asks the obvious
// question.
type Code string

// Error codes of the token endpoint and of client authentication, RFC 6749 §5.2.
const (
	InvalidRequest       Code = "invalid_request"
	InvalidClient        Code = "invalid_client"
	InvalidGrant         Code = "invalid_grant"
	UnauthorizedClient   Code = "unauthorized_client"
	UnsupportedGrantType Code = "unsupported_grant_type"
	InvalidScope         Code = "invalid_scope"
)

// Further error codes of the authorization endpoint, RFC 6749 §4.1.2.1 and
// OpenID Connect Core §3.1.2.6.
const (
	AccessDenied            Code = "access_denied"
	UnsupportedResponseType Code = "unsupported_response_type"
	ServerError             Code = "server_error"
	TemporarilyUnavailable  Code = "temporarily_unavailable"
	LoginRequired           Code = "login_required"
	ConsentRequired         Code = "consent_required"
	InteractionRequired     Code = "interaction_required"
	RequestNotSupported     Code = "request_not_supported"
	RequestURINotSupported  Code = "request_uri_not_supported"
)

// Error codes of extensions: RFC 8707 §2 and RFC 6750 §3.1.
const (
	InvalidTarget     Code = "invalid_target"
	InvalidToken      Code = "invalid_token"
	InsufficientScope Code = "insufficient_scope"
)

// Error returns the code itself.
func (c Code) Error() string { return string(c) }

// Because makes an Error of this code. The description is sent to the client:
// write it as a literal, without request data, in the characters RFC 6749 §5.2
// allows (printable ASCII without quotation mark and backslash). The cause,
// which may be nil, is for the log and for errors.Is.
func (c Code) Because(cause error, description string) *Error {
	return &Error{Code: c, Description: description, Cause: cause}
}

// Error is a refusal that may be shown to a client.
type Error struct {
	Code        Code
	Description string // sent as error_description; empty: none is sent
	Cause       error  // logged, never sent; may be nil

	// Status overrides the HTTP status that Code implies; zero: do not.
	Status int
	// RetryAfter, when positive, is sent as a Retry-After header, rounded up to
	// whole seconds.
	RetryAfter time.Duration
}

// Error is the sentence for the log: code, description and cause.
func (e *Error) Error() string {
	s := string(e.Code)
	if e.Description != "" {
		s += ": " + e.Description
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap lets errors.Is and errors.As find the code and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Code}
	}
	return []error{e.Code, e.Cause}
}

// HTTPStatus is the status a response with this error carries.
func (e *Error) HTTPStatus() int {
	if e.Status != 0 {
		return e.Status
	}
	switch e.Code {
	case InvalidClient, InvalidToken:
		return http.StatusUnauthorized
	case InsufficientScope:
		return http.StatusForbidden
	case ServerError:
		return http.StatusInternalServerError
	case TemporarilyUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest
	}
}

// outageRetry is what a client is told to wait when no better figure is known.
const outageRetry = time.Second

// From returns the Error in err's tree, or makes one. An error that nobody made
// into an OAuth error is trouble of ours, never the client's fault: it becomes
// temporarily_unavailable with a Retry-After. A bare [Code] becomes an Error
// without description. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var c Code
	if errors.As(err, &c) {
		if err == error(c) {
			return c.Because(nil, "") // or the log would say it twice
		}
		return c.Because(err, "")
	}
	return &Error{
		Code:        TemporarilyUnavailable,
		Description: "the server cannot answer right now, try again",
		Cause:       err,
		RetryAfter:  outageRetry,
	}
}
