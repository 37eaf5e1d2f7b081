// Package sqs has a connection, a step and a trigger for Amazon SQS and servers with its API.
package sqs

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
)

// Module returns the module.
func Module() flows.Module {
	return flows.Module{
		Kinds:       []flows.Kind{send()},
		Connections: []flows.ConnectionType{connection()},
		Sources:     []flows.Source{source()},
	}
}

func connection() flows.ConnectionType {
	return flows.ConnectionType{
		Name: "sqs", Summary: "Amazon SQS, or a server with its API.",
		Fields: append([]flows.ConnectionField{
			{Name: "region", Required: true, Summary: "Region, such as `eu-central-1`."},
			{Name: "access_key_id", Required: true, Summary: "Access key ID."},
			{Name: "secret_access_key", Required: true, Secret: true, Summary: "Secret access key."},
			{Name: "session_token", Secret: true, Summary: "Session token of temporary credentials."},
			{Name: "endpoint", Summary: "Address of another server, such as that of a VPC endpoint, `https://…`; default: Amazon's of the region. `http://` needs `tls: none`."},
		}, connect.TLSFields()...),
		Open: open,
	}
}

const (
	dialLimit   = 10 * time.Second
	answerLimit = 30 * time.Second // for the head of an answer; of a long poll, too
)

// regionName is the form of the name of a region, which is a part of the host's name.
var regionName = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// queueName is the form of the name of a queue; a FIFO queue's has the suffix within the 80 characters.
var queueName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,80}$|^[a-zA-Z0-9_-]{1,75}\.fifo$`)

// queueRules are the rules of queues to send to. A URL has the account, too.
var queueRules = flows.NameRules{Separators: "/.:?#@"}

// isQueue reports whether a text is the name of a queue or a URL.
func isQueue(queue string) bool {
	if strings.Contains(queue, "://") {
		at, err := url.Parse(queue)
		return err == nil && (at.Scheme == "https" || at.Scheme == "http") && at.Host != ""
	}
	return queueName.MatchString(queue)
}

// client is the client of an account in a region.
type client struct {
	name      string // of the connection
	api       *sqs.Client
	transport *http.Transport

	urls sync.Map // of queues by name
}

func open(s flows.ConnectionSettings) (flows.Client, error) {
	if !regionName.MatchString(s.Text["region"]) {
		return nil, errors.New("region is no name of a region such as eu-central-1")
	}
	trust, err := connect.TLSConfig(s, "") // the name in the address
	if err != nil {
		return nil, err
	}
	options := sqs.Options{
		Region:      s.Text["region"],
		Credentials: credentials.NewStaticCredentialsProvider(s.Text["access_key_id"], s.Text["secret_access_key"], s.Text["session_token"]),
	}
	endpoint := s.Text["endpoint"]
	if endpoint != "" {
		at, err := url.Parse(endpoint)
		if err != nil || at.Scheme != "https" && at.Scheme != "http" || at.Host == "" || at.User != nil || strings.Trim(at.Path, "/") != "" || at.RawQuery != "" {
			return nil, errors.New("endpoint is no address such as https://sqs.example.com")
		}
		options.BaseEndpoint = &endpoint
	}
	if plain := strings.HasPrefix(endpoint, "http://"); plain != (trust == nil) {
		return nil, errors.New("an endpoint with http:// and `tls: none` need each other")
	}
	transport := newTransport(trust)
	options.HTTPClient = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &client{name: s.Connection, api: sqs.New(options), transport: transport}, nil
}

func newTransport(trust *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext: (&net.Dialer{Timeout: dialLimit}).DialContext, TLSClientConfig: trust, TLSHandshakeTimeout: dialLimit, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: answerLimit,
	}
}

// once is an option of a request that must not be repeated: the library repeats requests otherwise.
func once(o *sqs.Options) { o.Retryer = aws.NopRetryer{} }

// queueURL returns the URL of a queue, whose name or URL is given.
func (c *client) queueURL(ctx context.Context, queue string) (string, error) {
	if strings.Contains(queue, "://") {
		return queue, nil // a parameter of requests only: they go to the endpoint
	}
	if known, ok := c.urls.Load(queue); ok {
		return known.(string), nil
	}
	answer, err := c.api.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &queue})
	if err != nil {
		return "", c.failure(err)
	}
	c.urls.Store(queue, *answer.QueueUrl)
	return *answer.QueueUrl, nil
}

// Test implements flows.Client. A user who may not list queues has logged in all the same.
func (c *client) Test(ctx context.Context) error {
	_, err := c.api.ListQueues(ctx, &sqs.ListQueuesInput{MaxResults: aws.Int32(1)}, once)
	var answer smithy.APIError
	if err == nil || errors.As(err, &answer) && strings.HasPrefix(answer.ErrorCode(), "AccessDenied") {
		return nil
	}
	return c.failure(err)
}

// Close implements flows.Client.
func (c *client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// failure describes an error of the library.
func (c *client) failure(err error) error {
	var answer smithy.APIError
	var missing *types.QueueDoesNotExist
	var known *flows.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &missing):
		return connect.Failure(c.name, "there is no such queue, or the user may not see it")
	case errors.As(err, &answer):
		return c.refused(answer)
	}
	return connect.Unreachable(c.name, "SQS", err)
}

// refused describes an error of the server.
func (c *client) refused(answer smithy.APIError) error {
	switch answer.ErrorCode() {
	case "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException", "InvalidSecurity", "MissingAuthenticationToken":
		return connect.Failure(c.name, "the server refuses the access key")
	case "ExpiredToken", "ExpiredTokenException":
		return connect.Failure(c.name, "the session token has expired")
	}
	e := connect.Failure(c.name, "the server answers %s: %s", answer.ErrorCode(), answer.ErrorMessage())
	if answer.ErrorFault() == smithy.FaultServer || strings.Contains(answer.ErrorCode(), "Throttl") {
		e.Class = flows.ClassNetwork
	}
	return e
}
