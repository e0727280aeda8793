"""The interface: shell, controls, lesson frame, share links. Everything here runs in Streamlit, without torch."""
