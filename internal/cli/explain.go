package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// clientExplainCommand is `mcpmux client explain`.
func (a *app) clientExplainCommand() *cobra.Command {
	var space string
	cmd := a.ask("explain NAME [KIND:ALIAS/NAME] [--space S]", "say why a client sees what there is in a Space, or does not", atMost(2, "NAME"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			got, err := c.ClientFeatures(cmd.Context(), args[0], space)
			if err != nil {
				return err
			}
			if len(args) == 2 {
				if got.Features = featuresNamed(got.Features, args[1]); len(got.Features) == 0 {
					return fmt.Errorf("there is no %s in the Space %q; `mcpmux client explain %s` lists what there is", args[1], got.Space, args[0])
				}
			}
			return a.show(got, func(w io.Writer) { writeExplained(w, got) })
		})
	cmd.Flags().StringVar(&space, "space", "", "Space to look at (default: the one that the client is in)")
	return cmd
}

// featuresNamed are those that a text means: as members are written, or as clients see the name.
func featuresNamed(all []api.ExplainedFeature, text string) []api.ExplainedFeature {
	return slices.DeleteFunc(slices.Clone(all), func(f api.ExplainedFeature) bool {
		plain := string(f.Kind) + ":" + f.Server + "/" + f.Name
		return text != plain && text != f.Member && (f.Qualified == "" || text != f.Qualified)
	})
}

func writeExplained(w io.Writer, got api.ClientFeatures) {
	if got.Refusal != "" {
		fmt.Fprintln(w, printable("it sees nothing at all: "+got.Refusal))
	} else if !got.Here {
		fmt.Fprintln(w, printable("it is not in the Space "+got.Space+" now"))
	}
	var rows [][]string
	for _, f := range got.Features {
		rows = append(rows, []string{string(f.Kind) + ":" + f.Server + "/" + f.Name, yesNo(f.Visible), reasonFor(f)})
	}
	table(w, "no server of this Space offers anything yet", "FEATURE VISIBLE WHY", rows)
}

// reasonFor is why a client sees something or does not, in words.
func reasonFor(f api.ExplainedFeature) string {
	switch f.Reason {
	case "granted":
		return "granted by " + way(f.Included)
	case "excluded":
		return "excluded by " + way(f.Excluded)
	case "not_granted":
		return "no set that it was granted has it"
	case "server_disabled":
		return "the server " + f.Server + " is switched off; granted by " + way(f.Included)
	case "refused":
		return "granted by " + way(f.Included) + ", but it sees nothing at all now"
	case "elsewhere":
		return "granted by " + way(f.Included) + ", for when it is in this Space"
	}
	return f.Reason
}

// way is a way through sets, in words.
func way(steps []api.Step) string {
	var parts []string
	for _, s := range steps {
		switch {
		case s.Member == "":
			parts = append(parts, s.Set)
		case s.Exclude:
			parts = append(parts, s.Set+" (excludes "+s.Member+")")
		default:
			parts = append(parts, s.Set+" ("+s.Member+")")
		}
	}
	return strings.Join(parts, " → ")
}
