// Draws one dashboard of deploy/grafana from a Prometheus: ?dashboard=feedmill-mill&prometheus=http://…&minutes=15&var-site=….
// It is no Grafana: the panels are Grafana's own components, the page around them is this one.
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { createTheme, ThemeContext } from "@grafana/data";
import { GlobalStyles } from "@grafana/ui";
import "@fontsource/inter/400.css";
import "@fontsource/inter/500.css";

import { configured, transformed } from "./fields.js";
import { Drawn } from "./panels.jsx";
import { frames, moments, settings } from "./prometheus.js";

const CELL = 30; // Grafana's grid: a row of 30 pixels, and 8 between panels
const GAP = 8;

function place({ x, y, w, h }, width) {
  const column = (width - 23 * GAP) / 24;
  return {
    left: x * (column + GAP),
    top: y * (CELL + GAP),
    width: w * (column + GAP) - GAP,
    height: h * (CELL + GAP) - GAP,
  };
}

function Dashboard({ dashboard, theme, width }) {
  const [shown, setShown] = useState({});
  const [marks, setMarks] = useState([]);
  const [now, setNow] = useState(settings);

  useEffect(() => {
    let current = true;
    const drawing = dashboard.panels.filter(({ type }) => type !== "row").map(async (panel) => {
      let result;
      try {
        const data = await transformed(panel, await frames(panel, dashboard, now));
        result = { data: configured(panel, data, theme), now };
      } catch (error) {
        result = { error: error.message, now };
      }
      if (current) setShown((before) => ({ ...before, [panel.id]: result }));
    });
    moments(dashboard, now).then((found) => current && setMarks(found), () => {});
    Promise.all(drawing).then(() => document.body.setAttribute("data-drawn", "yes"));
    const again = now.refresh ? setTimeout(() => setNow(settings()), now.refresh * 1000) : undefined;
    return () => {
      current = false;
      clearTimeout(again);
    };
  }, [dashboard, now, theme]);

  const bottom = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h)) * (CELL + GAP);
  return (
    <div style={{ position: "relative", width, height: bottom }}>
      {dashboard.panels.map((panel) => {
        const { left, top, width: wide, height } = place(panel.gridPos, width);
        const style = { position: "absolute", left, top, width: wide, height };
        if (panel.type === "row") {
          return (
            <div key={panel.id} style={{ ...style, display: "flex", alignItems: "center", ...theme.typography.h6 }}>
              {panel.title}
            </div>
          );
        }
        return (
          <div key={panel.id} style={style}>
            <Drawn panel={panel} {...(shown[panel.id] ?? { now })} moments={marks} width={wide} height={height} />
          </div>
        );
      })}
    </div>
  );
}

function Page({ dashboard, theme }) {
  const width = document.documentElement.clientWidth - 2 * GAP;
  const chosen = Object.entries(settings().variables).map(([name, value]) => `${name}: ${value}`);
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div style={{ background: theme.colors.background.canvas, padding: GAP, minHeight: "100vh" }}>
        <div style={{ ...theme.typography.h4, padding: "4px 0 8px" }}>
          {dashboard.title}
          <span style={{ ...theme.typography.bodySmall, color: theme.colors.text.secondary, marginLeft: 12 }}>
            {[dashboard.description, ...chosen].join(" · ")}
          </span>
        </div>
        <Dashboard dashboard={dashboard} theme={theme} width={width} />
      </div>
    </ThemeContext.Provider>
  );
}

const { dashboard: name, theme: mode } = settings();
const answer = await fetch(`dashboards/${name}.json`);
createRoot(document.getElementById("root")).render(<Page dashboard={await answer.json()} theme={createTheme({ colors: { mode } })} />);
