package adminclient

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/mcpmux/mcpmux/internal/admin/api"
)

// Backup answers everything that is set up as a file, and of how many things it lacks, since they could not be opened.
func (c *Client) Backup(ctx context.Context, n api.NewBackup) (file []byte, lacks int, err error) {
	req, err := request{method: http.MethodPost, path: []string{"backup"}, body: n}.build(ctx)
	if err != nil {
		return nil, 0, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, 0, c.explain(ctx, err)
	}
	defer drop(resp.Body)
	if resp.StatusCode >= 300 {
		return nil, 0, refusal(resp)
	}
	file, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, 0, fmt.Errorf("read the daemon's answer: %w", err)
	}
	if lacks, err = strconv.Atoi(resp.Header.Get("Mcpmux-Lacks")); err != nil {
		return nil, 0, errors.New("the daemon's answer is no backup")
	}
	return file, lacks, nil
}

// Restore puts what is in a file in place of everything that is set up, or only says what is in it.
func (c *Client) Restore(ctx context.Context, file []byte, passphrase string, dryRun bool) (api.Restore, error) {
	n := api.NewRestore{File: base64.StdEncoding.EncodeToString(file), Passphrase: passphrase, DryRun: dryRun}
	return post[api.Restore](ctx, c, "", n, "restore")
}
