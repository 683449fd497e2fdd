console.log(JSON.stringify({ rows: [], period: "May", total: 0 }));
