package testkit

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// Post delivers a webhook body as Svix does, under an id of the caller's choice, and fails unless it is taken.
func Post(ctx context.Context, client *http.Client, url, secret, id string, body []byte) error {
	header, err := clerksim.Sign(secret, id, time.Now(), body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = header
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		return fmt.Errorf("%s is answered %s", id, answer.Status)
	}
	return nil
}
