"""From scores, clinical data and outcomes to the paper's tables and figures; nothing here trains or predicts."""
