package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// elicitationCommand is everything about the questions that Servers put to people.
func (a *app) elicitationCommand() *cobra.Command {
	return group("elicitation", "elicitations: questions of servers to the user of a client that cannot be asked",
		a.ask("list", "list the questions that wait for an answer; --json tells the form of each", takes(), a.elicitationList),
		a.ask("answer ID accept|decline|cancel [JSON|-]", "answer a question; JSON is what accept gives to the server", atMost(3, "ID", "accept|decline|cancel"), a.elicitationAnswer),
	)
}

func (a *app) elicitationList(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
	open, err := c.Elicitations(cmd.Context())
	return a.reply(open, err, func(w io.Writer) {
		var rows [][]string
		for _, e := range open {
			rows = append(rows, []string{e.ID, e.Server, e.ClientName, when(e.AskedAt), short(e.Message, 80)})
		}
		table(w, "no server asks anything", "ID SERVER CLIENT ASKED QUESTION", rows)
	})
}

func (a *app) elicitationAnswer(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	answer := api.ElicitAnswer{Action: api.ElicitAction(args[1])}
	if err := oneOf(cmd, "the answer", args[1], string(api.ElicitAccept), string(api.ElicitDecline), string(api.ElicitCancel)); err != nil {
		return err
	}
	if len(args) > 2 {
		if answer.Action != api.ElicitAccept {
			return misused(cmd, "only accept takes JSON")
		}
		content, err := a.callArguments(cmd, args[2:])
		if err != nil {
			return err
		}
		answer.Content = content
	}
	answered, err := c.AnswerElicitation(cmd.Context(), args[0], answer)
	return a.reply(answered, err, says("told %s: %s", answered.Server, args[1]))
}
